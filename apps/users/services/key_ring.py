"""The keys that tokens are signed and checked with: one present, and those that it replaced."""

from typing import Any

from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.tokens import Token


class KeyRing(TokenBackend):
    """Signs with the first key and accepts the signatures of all, so that keys can be replaced.

    Which key was used is found by trying: a token's `kid` is not looked at, nor is any other of
    its words about algorithms and keys.
    """

    def __init__(self, keys: list[str], **options: Any) -> None:
        super().__init__(signing_key=keys[0], **options)
        self._retired = [TokenBackend(signing_key=key, **options) for key in keys[1:]]

    def decode(self, token: Token, verify: bool = True) -> dict[str, Any]:
        """Return the claims of a token that one of the keys signed; raise TokenBackendError."""
        try:
            return super().decode(token, verify)
        except TokenBackendExpiredToken:
            raise  # the signature was right
        except TokenBackendError as error:
            return self._decode_retired(token, error)

    def _decode_retired(self, token: Token, refusal: TokenBackendError) -> dict[str, Any]:
        for backend in self._retired:
            try:
                return backend.decode(token)
            except TokenBackendExpiredToken:
                raise
            except TokenBackendError:
                continue
        raise refusal


def load_key_ring() -> KeyRing:
    options = settings.SIMPLE_JWT
    return KeyRing(
        settings.JWT_SIGNING_KEYS,
        algorithm=options["ALGORITHM"],
        issuer=options["ISSUER"],
        audience=options["AUDIENCE"],
    )
