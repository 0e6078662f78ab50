"""What the ledger and the suppression list know about a person: erasing it, handing it out."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from apps.notifications.models import Notification, NotificationEvent, Receipt, Suppression
from apps.notifications.models.notification import NotificationQuerySet
from apps.users.models import User
from notifier.personal_data import Person

# Longer than any request that had read the user before it was erased can have taken.
ERASED_AGAIN_FOR: Final = timedelta(days=1)
_NOTHING: Final[dict[str, Any]] = {"error": "", "detail": {}}
EMPTIED: Final[dict[str, Any]] = {"content": None, "variables": {}, "metadata": {}}
_SHOWN: Final = (
    "id",
    "created_at",
    "channel",
    "recipient",
    "template_code",
    "language",
    "content",
    "variables",
    "metadata",
    "status",
    "reason",
    "provider",
    "sent_at",
    "finished_at",
)


def erase_history(person: Person) -> None:
    """Take whom and what out of a person's notifications; that they were sent, and when, stays.

    Those that went to the person's address or devices without naming the user are included, where
    `person` names these. What
    is still to be sent is skipped at its delivery, for want of a recipient or an active user. The
    address stays suppressed, by its index alone: who objected must not be written to again.
    """
    rows = find_history(person)
    NotificationEvent.objects.filter(notification__in=rows).update(**_NOTHING)
    Receipt.objects.filter(notification__in=rows).update(error="")
    _suppressions_of(person).update(address="", note="")
    rows.update(recipient="", recipient_index="", **EMPTIED, **_NOTHING)


def erase_latecomers(*, now: datetime) -> int:
    """Erase what was accepted for a user while it was erased; return how many users were seen."""
    erased = User.objects.filter(erased_at__gt=now - ERASED_AGAIN_FOR)
    people = [
        Person(user_id=user_id, organization_id=organization_id, indexes=frozenset())
        for user_id, organization_id in erased.values_list("pk", "organization_id")
    ]
    for person in people:
        erase_history(person)
    return len(people)


def export_history(person: Person) -> Mapping[str, Iterator[dict[str, Any]]]:
    """Return a person's notifications and suppressions, newest first."""
    suppressions = _suppressions_of(person).values(
        "channel", "address", "cause", "scope", "source", "created_at"
    )
    return {
        "notifications": find_history(person).order_by("-id").values(*_SHOWN).iterator(),
        "suppressions": suppressions.iterator(),
    }


def find_history(person: Person) -> NotificationQuerySet:
    """Return the notifications to a user, or to its address or devices, in its organization.

    What went to another user who had the address then is that user's.
    """
    by_address = Q(user__isnull=True, recipient_index__in=person.indexes)
    mine = Q(user_id=person.user_id) | by_address
    return Notification.objects.in_organization(person.organization_id).filter(mine).order_by()


def _suppressions_of(person: Person) -> Any:
    rows = Suppression.objects.in_organization(person.organization_id)
    return rows.filter(address_index__in=person.indexes)
