"""A row of a bulk request and a single post of the same order: the same notification."""

from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from apps.notifications.models import Notification, NotificationEvent
from apps.notifications.services.bulk_rows import BulkRows
from apps.notifications.services.suppressing import add_suppression
from apps.templates.services import NewVersion, add_version, create_template, publish_version
from notifier.models import Organization
from tests.factories import make_device, make_user
from tests.integration.api.calling import Caller, key_of

pytestmark = pytest.mark.django_db
# What two notifications of one order must differ in, or may.
OF_EACH = {"id", "batch", "created_at", "due_at", "finished_at", "correlation_id", "request_id"}
WORDS = {
    "email": {"subject": "Hi {{ name }}", "text": "{{ order.total }} {{ note | default: '-' }}"},
    "push": {"title": "Hi {{ name }}", "body": "now"},
}
VARIABLES: list[Any] = [
    {"name": "Ada", "order": {"total": "3"}, "note": "Zoë\n"},
    {"name": "Ada", "order": {"total": 3}},
    {"name": "", "order": "no path into this"},
    {"name": None, "order": {"total": None}},
    {"name": "Ada"},
    {},
    {"name": "x" * 300_000, "order": {"total": "1"}},
    {"name": "Ada", "order": {"total": [[[[[[[[["deep"]]]]]]]]]}},
    {"name": "Ada", "order": {"total": 2**200}},
    [],
]


@pytest.fixture
def sender(organization: Organization) -> Caller:
    for channel, content in WORDS.items():
        template: dict[str, Any] = {"organization_id": organization.pk, "code": f"by-{channel}"}
        create_template(
            **template,
            channel=channel,
            name="x",
            kind="marketing" if channel == "push" else "transactional",
            version=NewVersion(content=content),
            now=timezone.now(),
        )
        plain = {"subject": "Oi {{ name }}", "text": "{{ name }}"}
        version = NewVersion(content=plain if channel == "email" else content, language="pt")
        number = add_version(**template, version=version).number
        publish_version(**template, number=number, now=timezone.now())
    return key_of(organization, "send", "read")


def list_recipients(organization: Organization) -> list[dict[str, Any]]:
    people = [
        make_user(organization=organization),
        make_user(organization=organization, language="pt-BR"),
        make_user(organization=organization, is_active=False),
        make_user(organization=organization, email_enabled=False, push_enabled=False),
        make_user(organization=organization, email="gone@example.org"),
        make_user(),  # of another organization
    ]
    make_device(user=people[0])
    make_device(user=people[1])
    addresses = [
        "ada@example.org",
        "Ada.Lovelace+x@EXAMPLE.org",
        "zoë@exämple.org",
        "gone@example.org",
        "GONE@example.org",
        "no address",
        "a@b.invalid",
        "a@example.org, b@example.org",
    ]
    return [
        *({"user_id": str(user.pk)} for user in people),
        *({"to": {"email": address}} for address in addresses),
        {"to": {"push_token": "token-of-a-phone", "platform": "ios"}},
        {"to": {"push_token": "token with spaces", "platform": "ios"}},
        {"to": {"push_token": "token-of-a-phone"}},
        {"to": {"email": "ada@example.org"}, "user_id": str(people[0].pk)},
        {"user_id": str(uuid4())},
        {},
    ]


def describe(row: Notification) -> dict[str, Any]:
    names = {field.name for field in Notification._meta.concrete_fields}  # noqa: SLF001  # documented
    told = {name: getattr(row, name) for name in names - OF_EACH}
    events = NotificationEvent.objects.filter(notification=row)
    told["events"] = list(events.values_list("status", "reason", "attempt", "detail"))
    return told | {
        "is_finished": row.finished_at is not None,
        "is_due": row.due_at <= timezone.now(),
    }


@pytest.mark.parametrize("channel", ["email", "push"])
def test_a_bulk_row_is_what_a_single_post_of_it_would_be(
    sender: Caller, organization: Organization, channel: str
) -> None:
    for at, address in (("email", "gone@example.org"), ("push", "token-of-a-phone")):
        add_suppression(
            organization_id=organization.pk,
            channel=at,
            address=address,
            cause="unsubscribe" if at == "push" else "manual",
            source="test",
        )
    recipients = list_recipients(organization)
    rows = [
        {**to, "variables": variables}
        for to, variables in [
            *product(recipients, VARIABLES[:1]),
            *product(recipients[6:7], VARIABLES),
        ]
    ]
    rows += [
        {**recipients[6], "variables": VARIABLES[0], "language": tag} for tag in ("pt", "xx", "?")
    ]
    rows = [{**row, "request_id": f"r-{number}"} for number, row in enumerate(rows)]
    about = {"notification_type": channel, "template_code": f"by-{channel}", "priority": 7}
    answer = sender.post("/notifications/bulk", {**about, "recipients": rows})
    assert answer.status == 202
    told = {each["index"]: each for each in answer.data["rejected"]}
    stored = {row.request_id: row for row in Notification.objects.all()}
    for index, row in enumerate(rows):
        single = sender.post("/notifications", {**about, **row, "request_id": f"single-{index}"})
        if index in told:
            refusal = (told[index]["error"], told[index]["message"])
            assert (single.error, single.body["message"]) == refusal, row
            continue
        assert single.status == 202, (row, single.body)
        other = Notification.objects.get(pk=single.data["notification_id"])
        assert describe(stored[row["request_id"]]) == describe(other), row
        again = sender.post("/notifications", {**about, **row})
        assert again.status == 200  # the fingerprints are the same, too
    assert len(told) > 5
    assert len(stored) == len(rows) - len(told) >= 5


def test_a_plain_row_takes_the_short_way(
    sender: Caller, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: list[bool] = []
    describe_plain = BulkRows.describe_plain

    def watch(self: BulkRows, recipient: Any) -> Any:
        row = describe_plain(self, recipient)
        ways.append(row is not None)
        return row

    monkeypatch.setattr(BulkRows, "describe_plain", watch)
    user = make_user(organization=organization, language="pt")
    rows = [
        {"user_id": str(user.pk), "variables": {"name": "Ada"}},
        {"to": {"email": "ada@example.org"}, "variables": VARIABLES[1]},
        {"to": {"email": "ada@example.org"}},
    ]
    about = {"notification_type": "email", "template_code": "by-email"}
    assert sender.post("/notifications/bulk", {**about, "recipients": rows}).data["accepted"] == 2
    assert ways == [True, True, False]


def test_a_thousand_rows_take_as_few_statements_as_ten(
    sender: Caller, organization: Organization
) -> None:
    def count(rows: int) -> int:
        recipients = [
            {"to": {"email": f"a{n}@example.org"}, "variables": VARIABLES[0]} for n in range(rows)
        ]
        about = {"notification_type": "email", "template_code": "by-email"}
        with connection.execute_wrapper(tick):
            statements.clear()
            sender.post("/notifications/bulk", {**about, "recipients": recipients})
        return len(statements)

    statements: list[str] = []

    def tick(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    count(1)
    assert count(10) == count(1000) < 12
