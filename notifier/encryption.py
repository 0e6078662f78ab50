"""Encryption of what is stored: AES-256-GCM-SIV under the keys of FIELD_ENCRYPTION_KEYS.

A sealed text reads `1.<key id>.<base64 of nonce and ciphertext>`. The first key seals, every key
opens. SIV, because all processes share a key and draw nonces at random: plain GCM may be used for
2³² values only (NIST SP 800-38D, 8.3), which is two weeks of a busy installation; see RFC 8452.
"""

import os
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from notifier.errors import Unavailable

NONCE_BYTES: Final = 12
_VERSION: Final = "1"
_SEALED: Final = re.compile(r"1\.([0-9a-f]{8})\.([A-Za-z0-9+/]+={0,2})")
_RETRY_AFTER: Final = 60


class Undecryptable(Unavailable):
    """No key opens a stored value. Nothing is lost: it can be read once the key is back."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=_RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class FieldKey:
    """One key. Its id stands in every value that it sealed, and tells nothing about it."""

    id: str
    cipher: AESGCMSIV


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of the settings: `first` seals, all of them open."""

    first: FieldKey
    by_id: Mapping[str, FieldKey]


def load_keyring() -> Keyring:
    return _build_keyring(settings.FIELD_ENCRYPTION_KEYS)


def seal(text: bytes, *, place: bytes) -> str:
    """Return `text` encrypted; it opens at the same `place` (table and column) alone."""
    return seal_all([text], place=place)[0]


def seal_all(texts: Sequence[bytes], *, place: bytes) -> list[str]:
    """Return every text as `seal` would, each under a nonce of its own."""
    key = load_keyring().first
    prefix, encrypt = f"{_VERSION}.{key.id}.", key.cipher.encrypt
    drawn = os.urandom(NONCE_BYTES * len(texts))  # one call for all: half of what a seal costs
    nonces = (drawn[at : at + NONCE_BYTES] for at in range(0, len(drawn), NONCE_BYTES))
    return [
        prefix + b2a_base64(nonce + encrypt(nonce, text, place), newline=False).decode("ascii")
        for nonce, text in zip(nonces, texts, strict=True)
    ]


def unseal(stored: str, *, place: bytes) -> bytes:
    """Return what was sealed; raise Undecryptable, which names the setting and no data."""
    match = _SEALED.fullmatch(stored)
    if match is None:
        raise Undecryptable(f"{place.decode()}: not an encrypted value; has `migrate` finished?")
    key_id, body = match.groups()
    key = load_keyring().by_id.get(key_id)
    if key is None:
        raise Undecryptable(f"{place.decode()}: FIELD_ENCRYPTION_KEYS lacks the key {key_id}")
    try:
        raw = a2b_base64(body)
        return key.cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:
        raise Undecryptable(
            f"{place.decode()}: damaged or moved from elsewhere; the key {key_id} of"
            " FIELD_ENCRYPTION_KEYS does not open it"
        ) from error


def sealing_key(stored: str) -> str | None:
    """Return the id of the key that a text was sealed with, None when it is not sealed."""
    match = _SEALED.fullmatch(stored)
    return match[1] if match else None


def sealed_prefix() -> str:
    """Return how every text begins that is sealed with the first key."""
    return prefix_of(load_keyring().first.id)


def prefix_of(key_id: str) -> str:
    """Return how every text begins that is sealed with this key."""
    return f"{_VERSION}.{key_id}."


def derive_key(secret: bytes, *, purpose: bytes) -> bytes:
    """Return 32 bytes for one purpose, which tell nothing about the secret or its other uses."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)


@lru_cache(maxsize=4)
def _build_keyring(secrets: tuple[str, ...]) -> Keyring:
    keys = [_build_key(secret.encode()) for secret in secrets]
    return Keyring(first=keys[0], by_id={key.id: key for key in keys})


def _build_key(secret: bytes) -> FieldKey:
    key = derive_key(secret, purpose=b"notifier field key")
    return FieldKey(id=sha256(b"id of " + key).hexdigest()[:8], cipher=AESGCMSIV(key))
