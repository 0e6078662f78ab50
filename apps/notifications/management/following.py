"""Waiting at the shell until a notification is where it will stay."""

import time
from uuid import UUID

from apps.notifications.models import FINAL_STATUSES, Notification, Status

POLL_SECONDS = 0.2
NOT_SENT = frozenset({Status.FAILED, Status.BOUNCED, Status.EXPIRED, Status.CANCELLED})


def follow_until_final(notification_id: UUID, *, seconds: float) -> tuple[str, bool]:
    """Return the status and whether it is final; looks for at most so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        status = Notification.objects.values_list("status", flat=True).get(pk=notification_id)
        if status in FINAL_STATUSES or time.monotonic() >= deadline:
            return status, status in FINAL_STATUSES
        time.sleep(POLL_SECONDS)
