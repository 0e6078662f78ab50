"""`replay_failed`, `discard_failed` and `dead_letters` on real rows."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management.base import CommandError
from django.utils import timezone

from apps.delivery.models import DeadMessage
from apps.notifications.management.pacing import GROUP, pace
from apps.notifications.models import Notification, NotificationEvent
from tests.integration.commands.conftest import Run

pytestmark = pytest.mark.django_db
GiveUp = Callable[..., Notification]


def statuses() -> dict[str, str]:
    return {row.error_code: row.status for row in Notification.objects.all()}


def test_a_dry_run_replays_nothing(give_up: GiveUp, run_json: Callable[..., Any]) -> None:
    letter = give_up()
    answer = run_json("replay_failed", "--dry-run")
    assert answer == {"matched": 1, "changed": 0, "dry_run": True, "ids": [str(letter.pk)]}
    assert Notification.objects.get().status == "failed"
    assert not NotificationEvent.objects.exists()


def test_a_dry_run_counts_by_error_code(give_up: GiveUp, run: Run) -> None:
    give_up(error_code="smtp_550")
    give_up(error_code="smtp_550")
    give_up(error_code="timeout")
    assert run("replay_failed", "--dry-run").splitlines() == [
        "3 dead letters match; nothing was changed.",
        "        2  smtp_550",
        "        1  timeout",
    ]


def test_replaying_makes_dead_letters_due_again(give_up: GiveUp, run: Run) -> None:
    give_up()
    assert run("replay_failed") == "Replayed 1 of 1 dead letters.\n"
    row = Notification.objects.get()
    assert (row.status, row.reason, row.finished_at) == ("pending", "replay", None)
    assert [event.status for event in NotificationEvent.objects.all()] == ["pending"]


def test_more_than_one_group_is_replayed(give_up: GiveUp, run_json: Callable[..., Any]) -> None:
    letters = {str(give_up().pk) for _ in range(GROUP + 3)}
    assert set(run_json("replay_failed")["ids"]) == letters


@pytest.mark.parametrize(
    ("option", "value", "fields"),
    [
        ("--error-code", "wanted", {}),
        ("--provider", "smtp-a", {"provider": "smtp-a"}),
        ("--template", "welcome", {"template_code": "welcome"}),
        ("--channel", "push", {"channel": "push"}),
        ("--since", "1h", {"ago": timedelta(minutes=30)}),
        ("--until", "1d", {"ago": timedelta(days=2)}),
    ],
)
def test_only_what_a_filter_names_is_replayed(
    give_up: GiveUp, run: Run, option: str, value: str, fields: dict[str, Any]
) -> None:
    give_up(error_code="wanted", **fields)
    give_up(error_code="other", ago=timedelta(hours=2))
    run("replay_failed", option, value)
    assert statuses() == {"": "pending", "other": "failed"}  # a replay forgets the error


def test_times_are_read_as_rfc_3339(give_up: GiveUp, run_json: Callable[..., Any]) -> None:
    give_up(ago=timedelta(hours=3))
    wanted = give_up(ago=timedelta(hours=1))
    since = (timezone.now() - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    answer = run_json("replay_failed", "--since", since, "--until", until, "--dry-run")
    assert answer["ids"] == [str(wanted.pk)]


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-31T08:00:00", "99999999999d", "1 h", ""])
def test_a_time_that_cannot_be_read_is_refused(run: Run, moment: str) -> None:
    with pytest.raises(CommandError, match="--since: expected a time"):
        run("replay_failed", "--since", moment)


def test_an_organization_keeps_to_itself(
    give_up: GiveUp, run_json: Callable[..., Any], organization: Any
) -> None:
    mine = give_up()
    assert run_json("replay_failed", "--organization", "default")["matched"] == 0
    assert run_json("replay_failed", "--organization", organization.slug)["ids"] == [str(mine.pk)]
    with pytest.raises(CommandError, match="no organization nobody"):
        run_json("replay_failed", "--organization", "nobody")


def test_the_oldest_come_first_up_to_the_limit(
    give_up: GiveUp, run_json: Callable[..., Any], run: Run
) -> None:
    oldest = give_up(ago=timedelta(days=2))
    give_up(ago=timedelta(days=1))
    assert "The limit is reached" in run("replay_failed", "--limit", "1", "--dry-run")
    assert run_json("replay_failed", "--limit", "1")["ids"] == [str(oldest.pk)]


def test_nothing_to_do_is_a_success(run: Run) -> None:
    assert run("replay_failed", "--since", "1h") == "Nothing to do: no dead letter matches.\n"


def test_what_was_discarded_is_not_replayed(give_up: GiveUp, run: Run) -> None:
    give_up(discarded_at=timezone.now())
    assert "Nothing to do" in run("replay_failed")


@pytest.mark.parametrize("rate", ["0", "fast", "-1/s", "5/y"])
def test_a_rate_that_cannot_be_is_refused(run: Run, rate: str) -> None:
    with pytest.raises(CommandError, match="--rate: expected"):
        run("replay_failed", f"--rate={rate}")


def test_a_rate_spreads_the_work() -> None:
    begun_at = time.monotonic()
    groups = [list(group) for group in pace([uuid4() for _ in range(5)], rate=4, label="")]
    assert [len(group) for group in groups] == [4, 1]
    assert 0.9 < time.monotonic() - begun_at < 3


def test_discarding_keeps_the_reason_in_the_timeline(give_up: GiveUp, run: Run) -> None:
    give_up(error_code="smtp_550")
    done = run("discard_failed", "--error-code", "smtp_550", "--reason", "address never existed")
    assert done == "Discarded 1 of 1 dead letters.\n"
    row = Notification.objects.get()
    assert (row.status, row.reason) == ("failed", "discarded")
    assert row.discarded_at is not None
    event = NotificationEvent.objects.get()
    assert event.detail == {"explanation": "address never existed"}
    assert run("dead_letters", "list") == "No dead letters match.\n"


def test_discarding_needs_a_condition_and_a_reason(give_up: GiveUp, run: Run) -> None:
    give_up()
    with pytest.raises(CommandError, match="at least one condition"):
        run("discard_failed", "--reason", "all of it")
    with pytest.raises(CommandError, match="--reason"):
        run("discard_failed", "--since", "1h")
    assert Notification.objects.get().discarded_at is None


def test_a_dry_run_discards_nothing(give_up: GiveUp, run_json: Callable[..., Any]) -> None:
    give_up()
    answer = run_json("discard_failed", "--since", "1h", "--reason", "x", "--dry-run")
    assert (answer["matched"], answer["changed"]) == (1, 0)
    assert Notification.objects.get().discarded_at is None


def test_the_list_shows_each_letter_on_one_line(
    give_up: GiveUp, run: Run, run_json: Callable[..., Any]
) -> None:
    letter = give_up(error_code="smtp_550", provider="smtp-a", template_code="welcome")
    give_up()
    header, first, *_ = run("dead_letters", "list", "--template", "welcome").splitlines()
    assert header.split()[0] == "ID"
    assert first.split()[0] == str(letter.pk)
    assert {"email", "welcome", "smtp-a", "smtp_550", "4"} <= set(first.split())
    answer = run_json("dead_letters", "list", "--limit", "1")
    assert (answer["total"], len(answer["dead_letters"])) == (2, 1)


def test_inspecting_tells_the_whole_story(
    give_up: GiveUp, run: Run, run_json: Callable[..., Any]
) -> None:
    letter = give_up(error_code="smtp_550", error="no such user")
    for attempt in (1, 2):
        NotificationEvent.objects.create(
            notification=letter, status="sending", attempt=attempt, provider=f"smtp-{attempt}"
        )
    shown = run("dead_letters", "inspect", str(letter.pk))
    assert "no such user" in shown
    assert f"manage.py replay_failed --id {letter.pk}" in shown
    timeline = run_json("dead_letters", "inspect", str(letter.pk))["timeline"]
    assert [event["provider"] for event in timeline] == ["smtp-1", "smtp-2"]


def test_one_letter_is_replayed_by_its_id(give_up: GiveUp, run_json: Callable[..., Any]) -> None:
    letter = give_up()
    give_up()
    assert run_json("replay_failed", "--id", str(letter.pk))["ids"] == [str(letter.pk)]


@pytest.mark.parametrize("reference", ["1812", "01a1fd86-ccdb-7041-a2d1-c942966cc674"])
def test_an_unknown_letter_is_one_line(run: Run, reference: str) -> None:
    with pytest.raises(CommandError, match=reference):
        run("dead_letters", "inspect", reference)


def test_a_foreign_message_cannot_drive_the_terminal(run: Run) -> None:
    message = DeadMessage.objects.create(
        first_queue="email.queue", cause="rejected", task="\x1b[2Jevil", body_size=9
    )
    for shown in (
        run("dead_letters", "messages"),
        run("dead_letters", "inspect", str(message.pk)),
    ):
        assert str(message.pk) in shown
        assert "evil" in shown
        assert "\x1b" not in shown
