"""The Celery tasks of the worker side; each translates a message into one service call.

`RETRY_WHILE_AWAY` covers faults of our own database with short waits. The waits between a
notification's attempts are rows (`due_at`): a waiting message would block fresh work.
"""

from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.delivery.services.dead_letters import route_dead_letters
from apps.delivery.services.delivering import deliver_notifications
from apps.delivery.services.purging import purge_leftovers
from notifier.broker import BrokerUnavailable
from notifier.correlation import bind_correlation_id
from notifier.faults import RETRY_WHILE_AWAY
from notifier.topology import DELIVER_EMAIL, DELIVER_PUSH, PURGE, ROUTE_DEAD_LETTERS


@shared_task(name=DELIVER_EMAIL, **RETRY_WHILE_AWAY)
def deliver_email(*, notification_ids: list[str], correlation_id: str = "", **_: object) -> None:
    """Deliver e-mails; unknown arguments of newer or older publishers are ignored."""
    _deliver(notification_ids, correlation_id, when_slow=settings.EMAIL_AT_ONCE)


@shared_task(name=DELIVER_PUSH, **RETRY_WHILE_AWAY)
def deliver_push(*, notification_ids: list[str], correlation_id: str = "", **_: object) -> None:
    """Deliver pushes; unknown arguments of newer or older publishers are ignored."""
    _deliver(notification_ids, correlation_id, at_once=settings.PUSH_AT_ONCE)


@shared_task(name=ROUTE_DEAD_LETTERS, **RETRY_WHILE_AWAY)
def send_to_failed_queue(*, notification_ids: list[str], **_: object) -> None:
    """The dead-letter routing task: given-up notifications go to `failed.queue` with their story.

    A broker that is away costs nothing: the sweep hints again at what is not marked as routed.
    """
    try:
        route_dead_letters(ids=[UUID(each) for each in notification_ids])
    except BrokerUnavailable:
        return  # logged by the publisher


@shared_task(name=PURGE, **RETRY_WHILE_AWAY)
def purge(**_: object) -> None:
    """Remove what has outlived its use (beat, hourly)."""
    purge_leftovers(now=timezone.now())


def _deliver(notification_ids: list[str], correlation_id: str, **widths: int) -> None:
    bind_correlation_id(correlation_id)
    deliver_notifications(ids=[UUID(each) for each in notification_ids], **widths)
