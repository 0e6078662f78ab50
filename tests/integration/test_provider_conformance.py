"""What every provider promises, tried on each of them against a stand-in in its own process."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import (
    Channel,
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
)
from apps.delivery.providers.urls import parse_provider_urls
from tests.integration.provider_subjects import (
    LOGIN,
    MESSAGE_ID,
    NOTIFICATION_ID,
    Message,
    Subject,
    describe_subjects,
    fail_to_send,
    find_closed_port,
    forbid_store,
    make_message,
    write_service_account,
)
from tests.standins.processes import (
    FcmService,
    MailApiService,
    SmtpSink,
    StandinProcess,
    read_mail,
)


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Subject]]:
    folder = tmp_path_factory.mktemp("standins")
    sink = SmtpSink(folder / "smtp", login=LOGIN)
    fcm, api = FcmService(folder / "fcm"), MailApiService(folder / "api")
    key_file = write_service_account(folder / "key.json")
    standins: list[StandinProcess] = [sink, fcm, api]
    started: list[StandinProcess] = []
    try:
        for standin in standins:
            standin.start()
            started.append(standin)
        yield {subject.name: subject for subject in describe_subjects(sink, fcm, api, key_file)}
    finally:
        for standin in started:
            standin.stop()


@pytest.fixture(params=["smtp", "sendgrid", "mailgun", "ses", "fcm", "onesignal"])
def subject(request: pytest.FixtureRequest, subjects: dict[str, Subject]) -> Subject:
    chosen = subjects[request.param]
    chosen.standin.reset()
    return chosen


@pytest.fixture
def provider(subject: Subject) -> Iterator[Any]:
    with closing(subject.build()) as built:
        yield built


# What arrives


def test_it_delivers_once_with_the_right_content(subject: Subject, provider: Any) -> None:
    assert provider.name
    assert provider.channel == subject.channel
    identity = provider.send(make_message(subject.channel))
    assert identity
    (record,) = subject.records()
    assert record["outcome"] == "accepted"
    READERS[subject.name](record, identity)


def check_smtp(record: dict[str, Any], identity: str) -> None:
    assert identity == MESSAGE_ID
    assert (record["mail_from"], record["rcpt_tos"]) == (
        "noreply@example.org",
        ["ada@example.org"],
    )
    assert (record["message_id"], record["notification_id"]) == (MESSAGE_ID, NOTIFICATION_ID)
    mail = read_mail(record)
    assert mail["Subject"] == "Grüße ☃"
    assert mail["From"].addresses[0].display_name == "Nötifier, Inc."
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert text.get_content() == "Your order is ready ☃\r\n.\r\nBye\r\n"
    assert html is not None
    assert html.get_content() == "<p>Your order is ready ☃</p>\r\n"


def check_sendgrid(record: dict[str, Any], identity: str) -> None:
    content = record["content"]
    (person,) = content["personalizations"]
    assert person["to"] == [{"email": "ada@example.org"}]
    assert person["custom_args"]["anymail_id"] == identity
    assert content["custom_args"] == {"notification_id": NOTIFICATION_ID}
    assert content["from"] == {"email": "noreply@example.org", "name": "Nötifier, Inc."}
    assert content["subject"] == "Grüße ☃"
    assert content["headers"]["Message-ID"] == MESSAGE_ID
    assert content["headers"]["Auto-Submitted"] == "auto-generated"
    assert content["headers"]["X-Correlation-ID"] == "c-1"
    assert [part["type"] for part in content["content"]] == ["text/plain", "text/html"]


def check_mailgun(record: dict[str, Any], identity: str) -> None:
    assert record["path"] == "/v3/mg.example.org/messages"
    assert identity == record["message_id"]
    form = {name: values[0] for name, values in record["content"].items()}
    assert form["to"] == "ada@example.org"
    assert form["subject"] == "Grüße ☃"
    assert form["v:notification_id"] == NOTIFICATION_ID
    assert form["h:Message-Id"] == MESSAGE_ID
    assert form["h:X-Notification-Id"] == NOTIFICATION_ID
    assert form["text"].splitlines() == ["Your order is ready ☃", ".", "Bye"]
    assert form["html"] == "<p>Your order is ready ☃</p>"


def check_ses(record: dict[str, Any], identity: str) -> None:
    assert identity == record["message_id"]
    content = record["content"]
    assert (content["to"], content["configuration_set"]) == (["ada@example.org"], "receipts")
    assert content["headers"]["Subject"] == "Grüße ☃"
    assert content["headers"]["X-Notification-ID"] == NOTIFICATION_ID
    assert content["headers"]["Message-ID"] == MESSAGE_ID
    assert content["text"].splitlines() == ["Your order is ready ☃", ".", "Bye"]
    assert content["longest_line"] <= 998


def check_fcm(record: dict[str, Any], identity: str) -> None:
    assert identity == record["message_name"]
    message = record["content"]["message"]
    assert message["token"] == "token-1"  # noqa: S105 - a device's, made up
    assert message["notification"] == {"title": "Grüße", "body": "Your order is ready ☃"}
    assert message["data"] == {
        "order": "1812",
        "link": "https://example.org/o",
        "notification_id": NOTIFICATION_ID,
    }
    assert message["webpush"]["headers"] == {"Urgency": "high", "TTL": "60"}
    assert message["webpush"]["fcm_options"] == {"link": "https://example.org/o"}
    assert not {"android", "apns"} & message.keys()


def check_onesignal(record: dict[str, Any], identity: str) -> None:
    assert identity == record["message_id"]
    content = record["content"]
    assert content["app_id"] == "app-1"
    assert content["include_subscription_ids"] == ["token-1"]
    assert content["headings"] == {"en": "Grüße"}
    assert content["contents"] == {"en": "Your order is ready ☃"}
    assert content["data"] == {"order": "1812", "notification_id": NOTIFICATION_ID}
    assert (content["priority"], content["ttl"]) == (10, 60)
    assert content["url"] == "https://example.org/o"
    assert content["idempotency_key"]


READERS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "smtp": check_smtp,
    "sendgrid": check_sendgrid,
    "mailgun": check_mailgun,
    "ses": check_ses,
    "fcm": check_fcm,
    "onesignal": check_onesignal,
}


def test_it_keeps_its_connection_over_several_sends(subject: Subject, provider: Any) -> None:
    for _ in range(3):
        provider.send(make_message(subject.channel))
    connections = [record["connection"] for record in subject.records()]
    assert len(connections) == 3
    assert len(set(connections)) == 1


# What fails: each reaches the provider exactly once


def test_a_busy_provider_is_transient_with_its_own_wait(subject: Subject, provider: Any) -> None:
    subject.misbehave(**subject.busy)
    error = fail_to_send(provider, make_message(subject.channel), Transient)
    assert error.retry_after == subject.retry_after
    assert len(subject.records()) == 1


def test_a_failing_provider_is_transient(subject: Subject, provider: Any) -> None:
    subject.misbehave(**subject.failing)
    fail_to_send(provider, make_message(subject.channel), Transient)
    assert len(subject.records()) == 1


def test_a_refused_recipient_is_permanent(subject: Subject, provider: Any) -> None:
    message = make_message(subject.channel, recipient=subject.refused)
    error = fail_to_send(provider, message, Permanent)
    assert error.recipient_gone == subject.gone
    assert len(subject.records()) == 1


def test_wrong_credentials_are_a_misconfiguration_and_not_repeated(subject: Subject) -> None:
    if subject.refused_key:
        subject.misbehave(**subject.refused_key)
    with closing(subject.build(key=subject.wrong_key)) as provider:
        error = fail_to_send(provider, make_message(subject.channel), Misconfigured)
    assert error.code == "authentication_failed"
    assert subject.wrong_key not in error.message
    assert len(subject.records()) <= 1


def test_nobody_listening_is_transient(subject: Subject) -> None:
    with closing(subject.build(port=find_closed_port())) as provider:
        error = fail_to_send(provider, make_message(subject.channel), Transient)
    assert error.code == "connect_failed"


def test_a_provider_that_never_answers_is_uncertain(subject: Subject, provider: Any) -> None:
    subject.misbehave("hang")
    error = fail_to_send(provider, make_message(subject.channel), Uncertain)
    assert error.code == "timeout"
    assert len(subject.records()) == 1


def test_a_connection_lost_after_the_message_is_uncertain(subject: Subject, provider: Any) -> None:
    subject.misbehave("reset")
    error = fail_to_send(provider, make_message(subject.channel), Uncertain)
    assert error.code == "connection_lost"
    assert len(subject.records()) == 1


def test_a_connection_lost_on_a_kept_connection_is_uncertain_and_not_repeated(
    subject: Subject, provider: Any
) -> None:
    provider.send(make_message(subject.channel))
    subject.misbehave("reset")
    fail_to_send(provider, make_message(subject.channel), Uncertain)
    assert len(subject.records()) == 2


def test_a_success_that_cannot_be_read_is_uncertain(subject: Subject, provider: Any) -> None:
    subject.misbehave("garbage")
    error = fail_to_send(provider, make_message(subject.channel), Uncertain)
    assert error.code == "unreadable_answer"
    assert len(subject.records()) == 1


@pytest.mark.parametrize("fault", ["status", "hang", "reset", "garbage"])
def test_after_a_failure_the_next_message_is_delivered(
    subject: Subject, provider: Any, fault: str
) -> None:
    subject.misbehave(fault)
    fail_to_send(provider, make_message(subject.channel), ProviderError)
    subject.standin.behave()
    assert provider.send(make_message(subject.channel))
    assert [record["outcome"] for record in subject.records()][1:] == ["accepted"]


def test_after_a_refused_recipient_the_next_message_is_delivered_to_its_own_alone(
    subject: Subject, provider: Any
) -> None:
    message = make_message(subject.channel, recipient=subject.refused)
    fail_to_send(provider, message, Permanent)
    assert provider.send(make_message(subject.channel))
    refused, accepted = subject.records()
    assert accepted["outcome"] == "accepted"
    assert refused["connection"] == accepted["connection"]
    assert accepted.get("rcpt_tos", ["ada@example.org"]) == ["ada@example.org"]


# Capture, which has no other side


@pytest.mark.parametrize("channel", ["email", "push"])
def test_capture_hands_each_message_to_the_store_once(channel: Channel) -> None:
    stored: list[Message] = []
    (url,) = parse_provider_urls("capture://", channel=channel)
    provider: Any = build_provider(url, channel=channel, store=stored.append)
    message = make_message(channel)
    with closing(provider):
        assert provider.send(message) == f"captured-{NOTIFICATION_ID}-1"
    assert stored == [message]
    assert (provider.name, provider.channel) == ("capture", channel)


def test_what_the_store_raises_reaches_the_caller() -> None:
    (url,) = parse_provider_urls("capture://")
    provider: Any = build_provider(url, channel="email", store=forbid_store)
    with pytest.raises(AssertionError):
        provider.send(make_message("email"))
