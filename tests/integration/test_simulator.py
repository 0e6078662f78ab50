"""The simulator: each recipient meets what the docs promise, and test keys suppress nobody."""

import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from apps.delivery.providers import simulator
from apps.delivery.providers.simulator import DEVICES, MAILBOXES, find_behaviour, may_wait
from apps.delivery.services.outlets import close_outlets
from apps.delivery.tasks import deliver_email, deliver_push
from apps.notifications.models import Notification, NotificationEvent, Receipt, Suppression
from apps.notifications.models.transitions import take_due
from apps.notifications.services.accepting import accept_notification
from apps.notifications.services.orders import Address, NotificationOrder
from apps.notifications.services.receipts import apply_stored_receipts
from apps.users.models import Device
from notifier.authentication import Mode, Principal
from notifier.models import Organization
from tests.factories import make_device, make_organization
from tests.integration.provider_subjects import make_message

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker", "redis")]
PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"
MOST_ATTEMPTS = 4


@pytest.fixture(autouse=True)
def _no_waiting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RETRY_BASE_SECONDS = 0  # retries are due at once
    monkeypatch.setattr(simulator, "_waited_at", time.monotonic())  # nobody is slow now
    close_outlets()


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def accept(organization: Organization, *, mode: Mode = "test", **order: Any) -> UUID:
    principal = Principal(organization_id=organization.pk, scopes=frozenset({"send"}), mode=mode)
    return accept_notification(
        order=NotificationOrder(**order), principal=principal
    ).notification_id


def accept_mail(organization: Organization, mailbox: str, *, mode: Mode = "test") -> UUID:
    return accept(
        organization,
        mode=mode,
        notification_type="email",
        to=Address(email=f"{mailbox}@simulator.test"),
        content={"subject": "Hello", "text": "Ada"},
    )


def accept_push(organization: Organization, token: str) -> UUID:
    return accept(
        organization,
        notification_type="push",
        to=Address(push_token=f"simulator-{token}", platform="ios"),
        content={"title": "Hello", "body": "Ada"},
    )


def deliver_all() -> None:
    """Take and deliver until nothing is to be tried again, as relay and workers do."""
    for _ in range(MOST_ATTEMPTS):
        for channel, task in (("email", deliver_email), ("push", deliver_push)):
            taken = take_due(channel=channel, limit=100)
            task(notification_ids=[str(each.id) for each in taken])


def await_receipts(count: int) -> None:
    """The provider's other side reports a little later; then the status worker applies it."""
    deadline = time.monotonic() + 15
    while Receipt.objects.count() < count:
        assert time.monotonic() < deadline, "the receipts did not come"
        time.sleep(0.1)
    apply_stored_receipts(ids=list(Receipt.objects.values_list("pk", flat=True)))


def read_end(id_: UUID) -> tuple[str, str, int]:
    row = Notification.objects.get(pk=id_)
    return row.status, row.error_code, row.attempts


def read_promises() -> dict[str, str]:
    """Return the last column of the docs' tables by the name of the recipient."""
    rows = re.findall(r"^\| (`.*?) \|.*\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    names = {name: end for cell, end in rows for name in re.findall(r"`(\S+?)`", cell)}
    return {name: end.split("`")[1] for name, end in names.items() if "simulator" in name}


def test_every_recipient_ends_as_the_docs_say(organization: Organization) -> None:
    mails = {f"{name}@simulator.test": accept_mail(organization, name) for name in MAILBOXES}
    pushes = {f"simulator-{name}": accept_push(organization, name) for name in DEVICES}
    sent = {**mails, **pushes}
    deliver_all()
    await_receipts(11)  # six mailboxes take the mail, one reports twice; four devices
    assert {name: read_end(id_)[0] for name, id_ in sent.items()} == read_promises()
    codes = {name: read_end(id_)[1:] for name, id_ in sent.items()}
    assert codes["bounce@simulator.test"] == ("bounced", 1)
    assert codes["defer@simulator.test"] == ("smtp_451", 4)
    assert codes["reject@simulator.test"] == ("smtp_550", 1)
    assert codes["simulator-unregistered"] == ("fcm_unregistered", 1)
    assert codes["simulator-unavailable"] == ("http_503", 4)
    for name in ("flaky@simulator.test", "simulator-flaky", "doubt@simulator.test"):
        assert codes[name] == ("", 2)
    assert Notification.objects.get(pk=sent["doubt@simulator.test"]).doubts == 1
    complaint = NotificationEvent.objects.filter(notification=sent["complaint@simulator.test"])
    assert complaint.filter(status="complained").exists()
    assert not Suppression.objects.exists()


def test_what_live_keys_send_there_is_no_business_of_the_simulator(
    organization: Organization,
) -> None:
    sent = [accept_mail(organization, name, mode="live") for name in ("bounce", "defer")]
    deliver_all()
    assert [read_end(id_) for id_ in sent] == [("sent", "", 1)] * 2


def test_an_unregistered_device_of_a_user_is_removed(organization: Organization) -> None:
    device = make_device(
        token="simulator-unregistered-1",  # noqa: S106  # no device has it
        user__organization=organization,
    )
    accepted = accept(
        organization,
        notification_type="push",
        user_id=device.user_id,
        content={"title": "Hello", "body": "Ada"},
    )
    deliver_all()
    assert read_end(accepted)[0] == "failed"
    assert not Device.objects.filter(pk=device.pk).exists()


@pytest.mark.parametrize(
    ("recipient", "mailbox"),
    [
        ("bounce@simulator.test", "bounce"),
        ("Bounce+42@Simulator.Test", "bounce"),
        ("bounces@simulator.test", None),
        ("bounce@simulator.test.example.org", None),
        ("bounce@example.org", None),
    ],
)
def test_only_the_simulators_own_addresses_count(recipient: str, mailbox: str | None) -> None:
    message = make_message("email", recipient=recipient)
    assert find_behaviour(message) == (MAILBOXES[mailbox] if mailbox else None)


def test_slow_recipients_hold_a_worker_up_once_and_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulator, "_waited_at", float("-inf"))
    assert [may_wait(every_seconds=60) for _ in range(3)] == [True, False, False]
    assert may_wait(every_seconds=0)
