"""`manage.py send`: the same acceptance as a POST."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.core.management.base import CommandError
from django.utils import timezone

from apps.notifications.models import Notification
from apps.templates.services import NewVersion, create_template
from apps.users.models import ensure_default_organization
from tests.factories import UserFactory
from tests.integration.commands.conftest import Run

pytestmark = pytest.mark.django_db
PARTS = ("--subject", "Hi", "--text", "There")


@pytest.fixture(autouse=True)
def _welcome() -> None:
    create_template(
        organization_id=ensure_default_organization().pk,
        code="welcome",
        channel="email",
        name="Welcome",
        version=NewVersion(content={"subject": "Hi {{ name }}", "text": "{{ items | size }}"}),
        now=timezone.now(),
    )


def test_a_template_is_sent_to_an_address(run: Run) -> None:
    arguments = ("--template", "welcome", "--var", "name=A=B", 'items:=["x", 2]')
    shown = run("send", "--email", "ada@example.org", *arguments, "--priority", "9")
    row = Notification.objects.get()
    assert (row.status, row.channel, row.recipient) == ("pending", "email", "ada@example.org")
    assert row.variables == {"name": "A=B", "items": ["x", 2]}
    assert row.priority == 9
    assert row.correlation_id
    assert f"{row.pk} is pending" in shown
    assert f"manage.py dead_letters inspect {row.pk}" in shown


def test_parts_are_sent_to_a_device(run_json: Callable[..., Any]) -> None:
    to = ("--push-token", "a-token-of-a-device", "--platform", "ios")
    answer = run_json("send", *to, "--title", "Hi", "--body", "There")
    row = Notification.objects.get(pk=answer["notification_id"])
    assert (row.channel, row.platform) == ("push", "ios")
    assert row.content == {"title": "Hi", "body": "There"}


@pytest.mark.parametrize("attribute", ["email", "pk"])
def test_a_person_is_named_by_id_or_address(run: Run, attribute: str) -> None:
    user = UserFactory.create(organization=ensure_default_organization())
    run("send", "--user", str(getattr(user, attribute)), "--subject", "Hi", "--text", "There")
    assert Notification.objects.get().user == user


def test_who_wants_none_is_skipped_and_that_is_no_failure(run: Run) -> None:
    organization = ensure_default_organization()
    user = UserFactory.create(organization=organization, email_enabled=False)
    order = ("--user", user.email, "--subject", "Hi", "--text", "There")
    assert "is skipped (preference_off)" in run("send", *order)
    assert "is skipped" in run("send", *order, "--wait", "1")


def test_the_same_request_id_sends_once(run_json: Callable[..., Any]) -> None:
    order = ("--email", "ada@example.org", "--subject", "Hi", "--text", "There")
    answers = [run_json("send", *order, "--request-id", "order-1812") for _ in range(2)]
    assert [answer["replayed"] for answer in answers] == [False, True]
    assert Notification.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--email", "nobody", "--template", "welcome"), "not one e-mail address"),
        (("--email", "a@example.org", "--template", "welcome"), "missing variables: .*name"),
        (("--email", "a@example.org", "--template", "nothing"), "no such template"),
        (("--email", "a@example.org"), "exactly one of template_code or content"),
        (("--email", "a@example.org", "--subject", "x"), "either text or html"),
        (("--email", "a@example.org", "--template", "welcome", "--var", "name"), "NAME=VALUE"),
        (("--email", "a@example.org", "--template", "welcome", "--var", "n:=["), "not JSON"),
        (("--email", "a@example.org", "--template", "welcome", "--priority", "11"), "priority"),
        (("--email", "a@example.org", *PARTS, "--scheduled-at", "tomorrow"), "scheduled_at"),
        (("--email", "a@example.org", *PARTS, "--expires-at", "2020-01-01T00:00:00Z"), "later"),
        (("--push-token", "a-token-of-a-device", "--title", "x", "--body", "y"), "--platform"),
        (("--user", "ada", "--template", "welcome"), "neither an id nor an address"),
        (("--user", "nobody@example.org", "--template", "welcome"), "no such user"),
        (("--template", "welcome"), "one of the arguments"),
    ],
)
def test_an_order_that_cannot_be_is_one_line(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        run("send", *arguments)
    assert not Notification.objects.exists()


def test_what_is_scheduled_can_be_cancelled_until_it_is_on_its_way(run: Run) -> None:
    times = ("--scheduled-at", "2099-01-01T09:00:00+02:00", "--expires-at", "2099-01-02T00:00:00Z")
    run("send", "--email", "ada@example.org", *PARTS, *times)
    row = Notification.objects.get()
    assert (row.due_at.isoformat(), row.status) == ("2099-01-01T07:00:00+00:00", "pending")
    assert row.expires_at is not None
    assert run("cancel", str(row.pk)).strip() == f"{row.pk} is cancelled"
    unknown = UUID(int=7)
    with pytest.raises(CommandError) as refused:
        run("cancel", str(row.pk), str(unknown))
    assert str(refused.value).splitlines() == [
        f"{row.pk} is cancelled: only what is pending can be cancelled",
        f"{unknown}: no such notification",
    ]


def test_waiting_longer_than_asked_is_a_failure_that_names_the_doctor(run: Run) -> None:
    order = ("--email", "ada@example.org", "--subject", "Hi", "--text", "There")
    with pytest.raises(CommandError, match=r"still pending after 0\.3 s.*manage\.py doctor"):
        run("send", *order, "--wait", "0.3")


def test_waiting_for_what_fails_is_a_failure(run: Run) -> None:
    parts = ("--subject", "Hi", "--text", "There")
    order = ("--email", "ada@example.org", *parts, "--request-id", "once")
    run("send", *order)
    Notification.objects.update(status="failed")
    with pytest.raises(CommandError, match="it was not sent: failed"):
        run("send", *order, "--wait", "1")
