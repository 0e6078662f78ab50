"""The suppression list: who is on it, and how one gets on and off."""

from collections.abc import Iterable
from uuid import UUID

import structlog
from django.db import transaction

from apps.notifications.models import Cause, Channel, Suppression
from apps.notifications.models.suppression import (
    MAX_SUPPRESSED,
    SCOPE_OF_CAUSE,
    Scope,
    index_address,
)
from apps.templates.models import TemplateKind, TemplateVersion
from apps.users.models import email_key
from notifier.addresses import normalise_email
from notifier.audit import describe_new, record_change
from notifier.errors import InvalidRequest, NotFound

log = structlog.get_logger(__name__)


def fold_address(address: str, *, channel: str) -> str:
    """Return the form under which an address is suppressed; raise InvalidRequest for none."""
    if channel == Channel.EMAIL:
        return email_key(normalise_email(address, field="address"))
    if not address.isascii() or not address.isprintable() or " " in address:
        raise InvalidRequest.of_field("address", "not a device token")
    if not 0 < len(address) <= MAX_SUPPRESSED:
        raise InvalidRequest.of_field("address", f"1 to {MAX_SUPPRESSED} characters")
    return address


def fold_for_search(address: str) -> str:
    """Return the form under which an address would be on the list, whatever its channel.

    What is no e-mail address may be a device's token; what is neither is on no list.
    """
    try:
        return fold_address(address, channel=Channel.EMAIL)
    except InvalidRequest:
        return address


def index_for_search(address: str) -> str:
    """Return what stands in the ledger and on the list for an address in any of its forms."""
    return index_address(fold_for_search(address))


def add_suppression(
    *,
    organization_id: UUID,
    channel: str,
    address: str,
    cause: str,
    source: str,
    note: str = "",
    created_by_id: UUID | None = None,
) -> tuple[Suppression, bool]:
    """Put a folded address on the list; return the entry and whether it is new.

    Doing so again, also at the same time, returns the first entry as it is.
    """
    with transaction.atomic():
        entry, is_new = Suppression.objects.get_or_create(
            organization_id=organization_id,
            channel=channel,
            address_index=index_address(address),
            cause=cause,
            defaults={
                "address": address,
                "scope": SCOPE_OF_CAUSE[Cause(cause)],
                "source": source,
                "note": note,
                "created_by_id": created_by_id,
            },
        )
        if is_new:
            _record(entry, "added")
    if is_new:
        log.info("suppression_added", suppression_id=str(entry.pk), cause=cause, source=source)
    return entry, is_new


def remove_suppression(*, organization_id: UUID, suppression_id: UUID) -> None:
    """Take one entry off the list; other causes for the same address stay. Raises NotFound."""
    mine = Suppression.objects.in_organization(organization_id).filter(pk=suppression_id)
    with transaction.atomic():
        entry = mine.select_for_update().first()
        if entry is None:
            raise NotFound("no such suppression")
        _record(entry, "removed")
        entry.delete()
    log.info("suppression_removed", suppression_id=str(suppression_id))


def _record(entry: Suppression, verb: str) -> None:
    """The address itself stays out of the log."""
    about = {"channel": entry.channel, "cause": entry.cause, "scope": entry.scope}
    record_change(
        action=f"suppression.{verb}",
        object_type="suppression",
        object_id=entry.pk,
        organization_id=entry.organization_id,
        changes=describe_new(source=entry.source, **about),
    )


def covers(scopes: Iterable[str], *, marketing: bool) -> bool:
    """Do these scopes keep a message back?"""
    return Scope.ALL in scopes or (marketing and Scope.MARKETING in scopes)


def is_marketing(version: TemplateVersion | None) -> bool:
    """Content of the caller's own, without a template, is transactional."""
    return version is not None and version.template.kind == TemplateKind.MARKETING
