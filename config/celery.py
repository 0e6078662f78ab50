"""The Celery app: how messages travel, and what a worker does with one.

The database row is the promise and RabbitMQ the fast path, so nothing here uses countdown or ETA
for a notification, every publish is confirmed and bounded in time, and what a worker does not
understand goes to `failed.queue`.
"""

import os
import sys
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import (
    celeryd_after_setup,
    setup_logging,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
)
from django.conf import settings
from django.db import close_old_connections

from notifier.configuration import DEVELOPMENT
from notifier.consumer import SafeConsumer, TopologyStep
from notifier.flower_access import close_flower
from notifier.garbage import spare_loaded
from notifier.metrics_server import begin_child_process, serve_metrics
from notifier.prepared import keep_to_indexes
from notifier.tls_options import read_broker_address
from notifier.topology import (
    COUNT_HOURS,
    EMAIL_QUEUE,
    EXCHANGE,
    PURGE,
    PUSH_QUEUE,
    QUEUE_OF_TASK,
    STATUS_QUEUE,
    work_queues,
)
from notifier.tracing import flush_traces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Seconds until a broker that does not answer counts as away. A publish takes about three times
# this at worst; well below the second that would be felt.
BROKER_WAIT = 0.6


def _route(queue: str) -> dict[str, Any]:
    """Return how a task travels.

    Exchange and key are both needed, else Celery publishes through the anonymous exchange;
    `mandatory` makes an unroutable message an error instead of silence.
    """
    return {
        "queue": queue,
        "exchange": EXCHANGE,
        "routing_key": queue,
        "mandatory": True,
        "confirm_timeout": BROKER_WAIT,
    }


def _transport_options() -> dict[str, Any]:
    if settings.IS_EMBEDDED:
        return {"polling_interval": 0.02}
    return {
        "confirm_publish": True,
        "read_timeout": BROKER_WAIT,
        "write_timeout": BROKER_WAIT,
        "client_properties": {"connection_name": "notifier"},
    }


_BROKER = read_broker_address(settings.BROKER_URL)
app = Celery("notifier")
app.set_default()  # threads of the embedded worker have no current app otherwise
app.conf.update(
    broker_url=_BROKER.url,
    # Celery's command line takes BROKER_URL from the environment by itself, options and all, and
    # has it win over broker_url; over these it does not.
    broker_read_url=_BROKER.url,
    broker_write_url=_BROKER.url,
    broker_use_ssl=_BROKER.tls,
    result_backend=None,
    task_ignore_result=True,
    task_queues=work_queues(settings.RABBITMQ_QUEUE_TYPE),
    task_default_queue=STATUS_QUEUE,
    task_default_exchange=EXCHANGE,
    task_default_exchange_type="direct",
    task_default_routing_key=STATUS_QUEUE,
    task_create_missing_queues=False,
    task_routes={name: _route(queue) for name, queue in QUEUE_OF_TASK.items()},
    task_serializer="json",
    accept_content=["json"],
    task_default_delivery_mode="persistent",
    # --- consumer
    worker_consumer=SafeConsumer,
    task_acks_late=not settings.IS_EMBEDDED,  # in one process the row alone is the durability
    task_reject_on_worker_lost=True,
    task_acks_on_failure=False,  # an exception that escapes = reject = failed.queue
    task_acks_on_timeout=True,  # the row's lease takes care of a hard time limit
    # Every wait in a task is bounded, so this ends only what hangs for a reason nobody thought of.
    task_time_limit=600,
    # Celery closes the database connection around every task, whatever CONN_MAX_AGE says: eight
    # milliseconds each. This keeps it; `_drop_dead_connections` looks after it.
    CELERY_DB_REUSE_MAX=10**12,
    worker_prefetch_multiplier=4 if settings.IS_EMBEDDED else 1,
    worker_max_tasks_per_child=None if settings.IS_EMBEDDED else 5000,
    worker_enable_remote_control=False,  # a revoked task would be a lost message
    worker_send_task_events=not settings.IS_EMBEDDED,
    task_send_sent_event=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_soft_shutdown_timeout=20.0,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    broker_heartbeat=0 if settings.IS_EMBEDDED else 30,
    # --- publisher: every wait is bounded
    broker_connection_timeout=BROKER_WAIT,
    broker_pool_limit=10,
    broker_pool_acquire_timeout=1.0,
    broker_transport_options=_transport_options(),
    task_publish_retry=True,
    task_publish_retry_policy={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
    },
    # --- beat
    beat_schedule={
        "purge": {"task": PURGE, "schedule": crontab(minute="17")},
        "count-hours": {"task": COUNT_HOURS, "schedule": crontab(minute="5-59/10")},
    },
)
app.steps["consumer"].add(TopologyStep)
app.autodiscover_tasks()
if "flower" in sys.argv:
    close_flower(is_strict=settings.NOTIFIER_ENV != DEVELOPMENT)


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Django has set up logging already; Celery must not do it again."""


@celeryd_after_setup.connect
def _check_providers(instance: Any, **_: Any) -> None:
    """Stop a worker at its start, in one line, when it could not send what it consumes."""
    from apps.delivery.providers.contract import InvalidProviderUrl
    from apps.delivery.services.outlets import check_outlets
    from notifier.configuration import InvalidSetting

    consumed = instance.app.amqp.queues.consume_from
    try:
        if EMAIL_QUEUE in consumed:
            check_outlets("email")
        if PUSH_QUEUE in consumed:
            check_outlets("push")
    except (InvalidProviderUrl, InvalidSetting) as error:
        sys.exit(f"notifier: {error}")


@celeryd_after_setup.connect
def _serve_metrics(**_: Any) -> None:
    serve_metrics()


@celeryd_after_setup.connect
def _spare_loaded(**_: Any) -> None:
    """Before the children are forked."""
    spare_loaded()


@worker_process_init.connect
def _begin_child(**_: Any) -> None:
    begin_child_process()
    keep_to_indexes()


@task_prerun.connect
def _drop_dead_connections(**_: Any) -> None:
    """Let go of a database connection that broke since the last task; the task opens a new one."""
    close_old_connections()


@worker_process_shutdown.connect
def _end_child(**_: Any) -> None:
    from apps.delivery.services.announcing import announcer
    from apps.delivery.services.outlets import close_outlets

    close_outlets()
    announcer.flush()
    flush_traces()
