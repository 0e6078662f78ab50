"""Time-ordered identifiers (UUID version 7, RFC 9562) for every row that the outside can name."""

from uuid import UUID

import uuid_utils.compat


def new_id() -> UUID:
    """Return a UUIDv7: ids sort by creation, so the newest rows share few index pages."""
    return uuid_utils.compat.uuid7()
