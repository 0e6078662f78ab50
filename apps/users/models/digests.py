"""How secrets are stored where they must be found again: as a SHA-256."""

from hashlib import sha256

DIGEST_LENGTH = 64  # hex characters


def digest_secret(secret: str) -> str:
    """Return the digest of a random secret. No salt: 256 random bits have no dictionary."""
    return sha256(secret.encode()).hexdigest()
