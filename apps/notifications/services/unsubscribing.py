"""One-click unsubscribe (RFC 8058): the signed token in a mail, and what it does.

The token never expires: a mail may be opened years later, and the wish counts then too.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.core import signing

from apps.notifications.models import Cause
from apps.notifications.services.suppressing import add_suppression
from notifier.errors import NotFound
from notifier.models import Organization

_SALT: Final = "notifier.unsubscribe"  # no other signed text of ours passes for a token
SOURCE: Final = "one-click"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscription:
    """Who no longer wants whose marketing, and the template that the mail came from."""

    organization_id: UUID
    channel: str
    address: str
    template_code: str


def sign_unsubscription(wish: Unsubscription) -> str:
    """Return the token, safe in a URL. It is signed, not secret: it contains the address."""
    parts = [str(wish.organization_id), wish.channel, wish.address, wish.template_code]
    return signing.dumps(parts, salt=_SALT)


def read_unsubscription(token: str) -> Unsubscription:
    """Return what a token says; raise NotFound for one that we did not sign."""
    try:
        organization_id, channel, address, code = signing.loads(token, salt=_SALT)
    except signing.BadSignature as error:
        raise NotFound("no such link") from error
    return Unsubscription(
        organization_id=UUID(organization_id),
        channel=channel,
        address=address,
        template_code=code,
    )


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
