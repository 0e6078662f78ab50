"""What must outlive every field key: the index by which sealed addresses are found, and links.

Both use one random key that is made once, by `migrate`, and stored sealed by the field keys.
Rotation seals it again; it stays the same, so neither indexes nor links in old mails change.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from notifier.encryption import NONCE_BYTES, derive_key, seal, unseal
from notifier.errors import Unavailable
from notifier.sql import run

if TYPE_CHECKING:
    from hashlib import _Hash as HASH  # private in the stubs, and nowhere else

INDEX_LENGTH: Final = 22  # characters: 128 bits as base64 without padding
_INDEX_BYTES: Final = 16
_BLOCK_BYTES: Final = 64  # of SHA-256; the key has 32
_PLACE: Final = b"notifier_lastingkey.wrapped"
_NAME: Final = "index"
_opened: dict[str, bytes] = {}


def blind_index(text: str) -> str:
    """Return what stands for a text in look-ups: equal texts have equal indexes.

    Keyed (HMAC-SHA256), so that a copy of the database cannot be searched for guessed addresses.
    """
    inner, outer = (begun.copy() for begun in _begin_hmac(_lasting_key()))
    inner.update(text.encode())
    outer.update(inner.digest())
    return urlsafe_b64encode(outer.digest()[:_INDEX_BYTES]).rstrip(b"=").decode()


def seal_link(text: bytes, *, purpose: bytes) -> str:
    """Return `text` encrypted for a URL that never expires."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = _link_cipher(_lasting_key()).encrypt(nonce, text, purpose)
    return urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()


def open_link(token: str, *, purpose: bytes) -> bytes | None:
    """Return what `seal_link` sealed for this purpose; None for what it did not seal."""
    try:
        raw = urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
        return _link_cipher(_lasting_key()).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose)
    except (Base64Error, InvalidTag, ValueError):
        return None


def create_lasting_key() -> None:
    """Make the key unless there is one; of several that do so at once, one makes it."""
    run(
        "INSERT INTO notifier_lastingkey (name, wrapped, created_at)"
        " VALUES (%s, %s, CURRENT_TIMESTAMP) ON CONFLICT DO NOTHING",
        [_NAME, seal(os.urandom(32).hex().encode(), place=_PLACE)],
    )


def _lasting_key() -> bytes:
    """Return the key, read once by each process.

    Never made here: a key that is made in a transaction which then fails would leave this process
    with indexes that nobody else can compute.
    """
    if _NAME not in _opened:
        rows = run("SELECT wrapped FROM notifier_lastingkey WHERE name = %s", [_NAME])
        if not rows:
            raise Unavailable("the index key is missing: run `manage.py migrate`", retry_after=60)
        _opened[_NAME] = bytes.fromhex(unseal(rows[0][0], place=_PLACE).decode())
    return _opened[_NAME]


@lru_cache(maxsize=1)
def _begin_hmac(lasting_key: bytes) -> "tuple[HASH, HASH]":
    """Return HMAC-SHA256 (RFC 2104) as far as it depends on the key alone.

    That is more than half of it for a text as short as an address.
    """
    padded = lasting_key.ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return inner, outer


@lru_cache(maxsize=1)
def _link_cipher(lasting_key: bytes) -> AESGCMSIV:
    return AESGCMSIV(derive_key(lasting_key, purpose=b"notifier links"))
