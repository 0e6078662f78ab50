"""Which dead letters a request means, what it wants of them, and what is answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from apps.notifications.services.intervening import FASTEST_REPLAY, SLOWEST_REPLAY
from notifier.api.bodies import Body

MAX_NAMED = 1000


class DeadLetterSelection(Body, kw_only=True):
    """Dead letters by ids or by what they have in common; at least one condition is needed."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MAX_NAMED)] | None = None
    notification_type: Literal["email", "push"] | None = None
    error_code: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    provider: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    template_code: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    recipient: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    failed_after: datetime | None = None
    failed_before: datetime | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = MAX_NAMED
    dry_run: bool = False


class ReplaySelection(DeadLetterSelection, kw_only=True):
    """Dead letters to send again; `per_second` spreads them over time, oldest first."""

    per_second: Annotated[float, msgspec.Meta(ge=SLOWEST_REPLAY, le=FASTEST_REPLAY)] | None = None


class DiscardSelection(DeadLetterSelection, kw_only=True):
    """Dead letters to give up for good, and why."""

    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class SelectionAnswer(msgspec.Struct, kw_only=True):
    """How many dead letters matched, and which were changed (none in a dry run)."""

    matched: int
    changed: int
    dry_run: bool
    ids: list[UUID]
