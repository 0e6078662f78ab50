"""Who is on the list gets nothing: decided at accept, and again at delivery."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.delivery.models import CapturedMessage
from apps.notifications.models import Notification
from apps.notifications.models.claimed import load_claimed
from apps.notifications.services.unsubscribing import read_unsubscription
from apps.users.models import index_email
from deploy.local.servers import RabbitMQ
from notifier.models import Organization
from tests.factories import make_device, make_organization, make_user
from tests.integration.api.calling import Caller, key_of
from tests.integration.suppression.mailing import TOKEN, deliver, headers_of, push, suppress, write

pytestmark = pytest.mark.django_db
SKIPPED = ("skipped", "suppressed")


@pytest.fixture
def shop(organization: Organization) -> Caller:
    return key_of(organization, "send", "read")


def outcome(row: Notification) -> tuple[str, str]:
    return row.status, row.reason


@pytest.mark.parametrize("cause", ["hard_bounce", "complaint", "manual"])
@pytest.mark.parametrize("template", ["newsletter", "receipt"])
def test_bounces_complaints_and_people_suppress_everything(
    organization: Organization, shop: Caller, cause: str, template: str
) -> None:
    suppress(organization, "ada@example.org", cause)
    assert outcome(write(shop, template)) == SKIPPED
    assert outcome(write(shop, template, "eve@example.org")) == ("pending", "")


def test_who_unsubscribed_still_gets_what_is_not_marketing(
    organization: Organization, shop: Caller
) -> None:
    suppress(organization, "ada@example.org", "unsubscribe")
    assert outcome(write(shop, "newsletter")) == SKIPPED
    assert outcome(write(shop, "receipt")) == ("pending", "")
    body = {"notification_type": "email", "to": {"email": "ada@example.org"}}
    own = shop.post("/notifications", body | {"content": {"subject": "Hi", "text": "Hi"}})
    assert own.data["status"] == "pending"


def test_the_answer_says_why(organization: Organization, shop: Caller) -> None:
    suppress(organization, "ada@example.org")
    body = {"notification_type": "email", "to": {"email": "ada@example.org"}}
    answer = shop.post("/notifications", body | {"template_code": "receipt"})
    assert (answer.status, answer.data["status"], answer.data["reason"]) == (202, *SKIPPED)


def test_an_address_is_the_same_however_it_is_written(
    organization: Organization, shop: Caller
) -> None:
    suppress(organization, "Straße@BÜCHER.example")
    assert outcome(write(shop, "receipt", "STRASSE@xn--bcher-kva.example")) == SKIPPED


def test_users_are_found_by_their_address(organization: Organization, shop: Caller) -> None:
    user = make_user(organization=organization, email="Ada@example.org")
    suppress(organization, "ada@EXAMPLE.org")
    assert outcome(write(shop, "receipt", user_id=str(user.pk))) == SKIPPED


def test_another_organizations_list_counts_for_nobody_else(shop: Caller, broker: RabbitMQ) -> None:
    suppress(make_organization(), "ada@example.org")
    row = write(shop, "newsletter")
    assert deliver(row) == [("sent", "")]


def test_a_device_token_is_not_an_address(organization: Organization, shop: Caller) -> None:
    suppress(organization, TOKEN, channel="push")
    assert outcome(push(shop)) == SKIPPED
    assert outcome(write(shop, "receipt")) == ("pending", "")


def test_a_bulk_request_asks_the_list_once(organization: Organization, shop: Caller) -> None:
    user = make_user(organization=organization, email="user@example.org")
    for address in ("ada1@example.org", "ada7@example.org", "user@example.org"):
        suppress(organization, address)
    counts = []
    for size in (10, 100):
        recipients = [{"to": {"email": f"ada{n}@example.org"}} for n in range(size)]
        body = {
            "notification_type": "email",
            "template_code": "receipt",
            "recipients": [*recipients, {"user_id": str(user.pk)}],
        }
        with CaptureQueriesContext(connection) as queries:
            answer = shop.post("/notifications/bulk", body)
        assert (answer.data["accepted"], answer.data["skipped"]) == (size - 2, 3), answer.body
        asked = [each for each in queries if "notifications_suppression" in each["sql"]]
        assert len(asked) == 1
        counts.append(len(queries))
    assert counts[0] >= counts[1]  # the first one also fills caches


def test_what_is_suppressed_after_the_accept_is_not_sent(
    organization: Organization, shop: Caller, broker: RabbitMQ
) -> None:
    user = make_user(organization=organization, email="user@example.org")
    rows = [
        write(shop, "newsletter"),
        write(shop, "receipt"),
        write(shop, "newsletter", user_id=str(user.pk)),
        write(shop, "receipt", "eve@example.org"),
        push(shop),
    ]
    suppress(organization, "ada@example.org", "unsubscribe")
    suppress(organization, "USER@example.org", "hard_bounce")
    suppress(organization, TOKEN, channel="push")
    assert deliver(*rows) == [SKIPPED, ("sent", ""), SKIPPED, ("sent", ""), SKIPPED]
    assert CapturedMessage.objects.count() == 2


def test_a_user_is_found_under_the_present_address(
    organization: Organization, shop: Caller, broker: RabbitMQ
) -> None:
    user = make_user(organization=organization, email="old@example.org")
    row = write(shop, "receipt", user_id=str(user.pk))
    suppress(organization, "old@example.org")
    user.email, user.email_key = "new@example.org", index_email("new@example.org")
    user.save()
    assert deliver(row) == [("sent", "")]


def test_a_push_reaches_the_devices_that_are_not_suppressed(
    organization: Organization, shop: Caller, broker: RabbitMQ
) -> None:
    user = make_user(organization=organization)
    muted, heard = make_device(user=user), make_device(user=user)
    rows = [push(shop, user_id=str(user.pk)) for _ in range(2)]
    suppress(organization, muted.token, channel="push")
    assert deliver(rows[0]) == [("sent", "")]
    captured = CapturedMessage.objects.values_list("recipient", flat=True)
    assert list(captured) == [heard.token]
    suppress(organization, heard.token, channel="push")
    assert deliver(rows[1]) == [SKIPPED]


def test_a_chunk_asks_the_list_once(organization: Organization, shop: Caller) -> None:
    for n in range(12):
        write(shop, "newsletter", f"ada{n}@example.org")
    suppress(organization, "ada3@example.org")
    fences = dict.fromkeys(Notification.objects.values_list("pk", flat=True), 1)
    with CaptureQueriesContext(connection) as queries:
        loaded = load_claimed(fences)
    assert not queries  # but the prepared one, which Django does not see
    assert [each.address for each in loaded if each.is_suppressed] == ["ada3@example.org"]


def test_only_marketing_mail_says_how_to_unsubscribe(
    organization: Organization, shop: Caller, broker: RabbitMQ
) -> None:
    newsletter, receipt = write(shop, "newsletter", "Ada@Example.org"), write(shop, "receipt")
    deliver(newsletter, receipt)
    headers = headers_of(newsletter.pk)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = headers["List-Unsubscribe"]
    assert link.startswith("<http://127.0.0.1:8000/unsubscribe/")
    wish = read_unsubscription(link.strip("<>").rpartition("/")[2])
    assert (wish.organization_id, wish.channel) == (organization.pk, "email")
    assert (wish.address, wish.template_code) == ("ada@example.org", "newsletter")
    assert not {name for name in headers_of(receipt.pk) if name.startswith("List-")}
