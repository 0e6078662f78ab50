"""Names that travel as text between processes, which no linter sees."""

from pathlib import Path
from typing import Any

import django.apps
from celery import current_app
from django.core.management import call_command, get_commands
from kombu import Queue

from deploy.local.roles import DEFAULTS, build_roles
from notifier.topology import FAILED_QUEUE, QUEUE_OF_TASK, failed_queue, work_queues


def arguments(queue: Queue) -> dict[str, Any]:
    return dict(queue.queue_arguments or {})


def test_every_task_name_of_the_topology_is_a_registered_task_and_the_other_way_round() -> None:
    current_app.loader.import_default_modules()
    ours = {name for name in current_app.tasks if not name.startswith("celery.")}
    assert ours == set(QUEUE_OF_TASK)


def test_every_queue_has_a_role_that_consumes_it() -> None:
    roles = build_roles(environment=DEFAULTS, var=Path("var"))
    commands = [" ".join(role.command) for role in roles]
    for queue in work_queues("quorum"):
        assert sum(f"-Q {queue.name} " in command for command in commands) == 1
    assert sum("consume_failed" in command for command in commands) == 1


def test_no_worker_consumes_the_dead_letters() -> None:
    assert FAILED_QUEUE not in {queue.name for queue in current_app.conf.task_queues}
    assert FAILED_QUEUE not in set(QUEUE_OF_TASK.values())


def test_queues_are_bounded_as_the_contract_says() -> None:
    day, week = 24 * 3600 * 1000, 7 * 24 * 3600 * 1000
    bounds = {
        queue.name: (
            arguments(queue)["x-message-ttl"],
            arguments(queue)["x-max-length"],
            arguments(queue)["x-overflow"],
            arguments(queue)["x-dead-letter-routing-key"],
        )
        for queue in work_queues("quorum")
    }
    assert bounds == {
        "email.queue": (day, 10_000, "reject-publish", "failed.queue"),
        "push.queue": (day, 10_000, "reject-publish", "failed.queue"),
        "notification_status": (week, 50_000, "reject-publish", "failed.queue"),
    }
    assert arguments(failed_queue("quorum")) == {"x-queue-type": "quorum"}


def test_classic_queues_carry_no_argument_that_only_quorum_queues_know() -> None:
    for queue in work_queues("classic"):
        assert not {"x-delivery-limit", "x-dead-letter-strategy"} & arguments(queue).keys()


def test_every_command_of_the_contract_exists() -> None:
    promised = {
        "breaker",
        "chaos",
        "config",
        "consume_failed",
        "create_api_key",
        "create_organization",
        "dead_letters",
        "discard_failed",
        "doctor",
        "purge",
        "relay",
        "replay_failed",
        "seed_demo",
        "send",
        "sweep",
        "up",
    }
    assert promised <= get_commands().keys()


def test_every_app_is_installed_under_its_own_label() -> None:
    labels = {config.label for config in django.apps.apps.get_app_configs()}
    assert {"notifier", "users", "templates", "notifications", "delivery"} <= labels


def test_the_committed_schema_is_what_the_code_says(tmp_path: Path) -> None:
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(fresh), validate=True, fail_on_warn=True)
    committed = Path(__file__).parents[2] / "docs/openapi.yaml"
    assert fresh.read_text() == committed.read_text(), "run `make schema`"
