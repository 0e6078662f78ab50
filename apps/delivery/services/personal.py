"""What the worker side knows about a person: captured messages."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.delivery.models import CapturedMessage
from apps.notifications.services.personal import find_history
from notifier.personal_data import Person


def erase_captured(person: Person) -> None:
    """Delete what was captured instead of being sent to a person."""
    CapturedMessage.objects.filter(notification_id__in=find_history(person).values("pk")).delete()


def export_captured(_person: Person) -> Mapping[str, Iterator[dict[str, Any]]]:
    """Nothing: captured messages repeat what the notifications hold, and are soon deleted."""
    return {}
