"""Bodies, answers and filters of the suppression routes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.http import HttpRequest

from apps.notifications.api.filters import read_choice, read_text
from apps.notifications.models import Cause, Channel, Suppression
from apps.notifications.models.suppression import MAX_SUPPRESSED
from apps.notifications.services.suppressing import index_for_search
from notifier.api.bodies import Body


class NewSuppression(Body, kw_only=True):
    """An address to write to no more; the cause decides how far that goes."""

    address: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=MAX_SUPPRESSED,
            description="An e-mail address, or the token of a device",
            examples=["ada@example.org"],
        ),
    ]
    channel: Literal["email", "push"] = "email"
    cause: Annotated[
        Literal["hard_bounce", "complaint", "unsubscribe", "manual"],
        msgspec.Meta(description="`unsubscribe` keeps back marketing only, the others all"),
    ] = "manual"
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class SuppressionAnswer(msgspec.Struct, kw_only=True):
    """One reason not to write to an address, which is shown as it is compared: folded."""

    id: UUID
    channel: str
    address: str
    cause: str
    scope: str
    source: str
    note: str | None
    created_by: UUID | None
    created_at: datetime


def show_suppression(entry: Suppression) -> SuppressionAnswer:
    return SuppressionAnswer(
        id=entry.pk,
        channel=entry.channel,
        address=entry.address,
        cause=entry.cause,
        scope=entry.scope,
        source=entry.source,
        note=entry.note or None,
        created_by=entry.created_by_id,
        created_at=entry.created_at,
    )


def read_suppression_filters(request: HttpRequest) -> dict[str, Any]:
    """Return the list's filters; an e-mail address may be written in any of its forms."""
    address = read_text(request, "address")
    wanted = {
        "channel": read_choice(request, "channel", Channel.values),
        "cause": read_choice(request, "cause", Cause.values),
        "address_index": index_for_search(address) if address is not None else None,
    }
    return {name: value for name, value in wanted.items() if value is not None}
