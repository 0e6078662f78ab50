"""One-click unsubscribe (RFC 8058): the token in a mail, and what it does.

The token never expires: a mail may be opened years later, and the wish counts then too. So it is
sealed with the key that outlives the field keys (`notifier.encryption_lasting`).
"""

import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.core import signing

from apps.notifications.models import Cause
from apps.notifications.services.suppressing import add_suppression
from notifier.encryption_lasting import open_link, seal_link
from notifier.errors import NotFound
from notifier.models import Organization

_PURPOSE: Final = b"notifier.unsubscribe"  # nothing else that we sealed passes for a token
SOURCE: Final = "one-click"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscription:
    """Who no longer wants whose marketing, and the template that the mail came from."""

    organization_id: UUID
    channel: str
    address: str
    template_code: str


def seal_unsubscription(wish: Unsubscription) -> str:
    """Return the token, safe in a URL. Who sees it, in a log or a proxy, learns no address."""
    parts = [str(wish.organization_id), wish.channel, wish.address, wish.template_code]
    return seal_link(json.dumps(parts).encode(), purpose=_PURPOSE)


def read_unsubscription(token: str) -> Unsubscription:
    """Return what a token says; raise NotFound for one that we did not make."""
    opened = open_link(token, purpose=_PURPOSE)
    organization_id, channel, address, code = (
        json.loads(opened) if opened is not None else _read_signed(token)
    )
    return Unsubscription(
        organization_id=UUID(organization_id),
        channel=channel,
        address=address,
        template_code=code,
    )


def _read_signed(token: str) -> list[str]:
    """Read a token of mails that were sent before tokens were sealed: signed, not secret."""
    try:
        parts: list[str] = signing.loads(token, salt=_PURPOSE.decode())
    except signing.BadSignature as error:
        raise NotFound("no such link") from error
    return parts


def find_sender(wish: Unsubscription) -> Organization:
    """Return the organization whose mail it was; raise NotFound when it is gone."""
    organization = Organization.objects.filter(pk=wish.organization_id).first()
    if organization is None:
        raise NotFound("no such link")
    return organization


def unsubscribe(wish: Unsubscription) -> None:
    """Suppress marketing to the address from now on; repeating it changes nothing."""
    add_suppression(
        organization_id=wish.organization_id,
        channel=wish.channel,
        address=wish.address,
        cause=Cause.UNSUBSCRIBE,
        source=SOURCE,
        note=f"template {wish.template_code}",
    )
