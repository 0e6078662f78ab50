"""SMTP with PIPELINING: the next message is announced with the one before."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.delivery.providers.contract import EmailMessage, Permanent, ProviderError, Transient
from tests.integration.test_smtp_provider import connect, make_mail
from tests.standins.processes import SmtpSink


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path_factory.mktemp("pipelining"), pipelining=True)
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(process: SmtpSink) -> SmtpSink:
    process.reset()
    return process


@pytest.fixture
def provider(sink: SmtpSink) -> Iterator[Any]:
    with closing(connect(sink)) as built:
        yield built


def mails(*recipients: str) -> list[EmailMessage]:
    return [
        make_mail(recipient, message_id=f"<{number}@mail.example.org>")
        for number, recipient in enumerate(recipients)
    ]


def send_all(provider: Any, messages: list[EmailMessage]) -> list[str | ProviderError]:
    return [
        send_one(provider, message, following)
        for message, following in zip(messages, [*messages[1:], None], strict=True)
    ]


def send_one(
    provider: Any, message: EmailMessage, following: EmailMessage | None
) -> str | ProviderError:
    try:
        return str(provider.send_foreseeing(message, following))
    except ProviderError as error:
        return error


def taken(sink: SmtpSink) -> list[dict[str, Any]]:
    return sink.messages(kind="data", outcome="accepted")


def test_each_mail_announces_the_next_over_one_connection(sink: SmtpSink, provider: Any) -> None:
    messages = mails("a@example.org", "b@example.org", "c@example.org")
    sink.behave(latency_ms=100)
    results = send_all(provider, messages)
    assert results == [message.message_id for message in messages]
    records = taken(sink)
    assert [each["message_id"] for each in records] == results
    assert [each["was_pipelined"] for each in records] == [True, True, False]
    assert len({each["connection"] for each in records}) == 1


def test_a_mail_that_changed_after_its_announcement_leaves_as_it_is_now(
    sink: SmtpSink, provider: Any
) -> None:
    first, second = mails("a@example.org", "old@example.org")
    send_one(provider, first, second)
    send_one(provider, replace(second, recipient="new@example.org"), None)
    assert [each["rcpt_tos"] for each in taken(sink)] == [["a@example.org"], ["new@example.org"]]


def test_a_refused_recipient_harms_no_neighbour(sink: SmtpSink, provider: Any) -> None:
    results = send_all(
        provider, mails("a@example.org", "bounce550@example.org", "c@example.org", "d@example.org")
    )
    assert isinstance(results[1], Permanent)
    assert [each["rcpt_tos"] for each in taken(sink)] == [
        ["a@example.org"],
        ["c@example.org"],
        ["d@example.org"],
    ]


def test_a_refused_message_harms_no_neighbour(sink: SmtpSink, provider: Any) -> None:
    results = send_all(provider, mails("data451@example.org", "b@example.org", "c@example.org"))
    assert isinstance(results[0], Transient)
    assert [each["rcpt_tos"] for each in taken(sink)] == [["b@example.org"], ["c@example.org"]]


def test_a_mail_that_cannot_be_built_is_refused_in_its_turn(sink: SmtpSink, provider: Any) -> None:
    results = send_all(provider, mails("a@example.org", "no address", "c@example.org"))
    assert isinstance(results[1], Permanent)
    assert [each["rcpt_tos"] for each in taken(sink)] == [["a@example.org"], ["c@example.org"]]


def test_what_was_announced_and_not_sent_is_never_delivered(sink: SmtpSink, provider: Any) -> None:
    first, second, third = mails("a@example.org", "b@example.org", "c@example.org")
    send_one(provider, first, second)
    send_one(provider, third, None)
    assert [each["rcpt_tos"] for each in taken(sink)] == [["a@example.org"], ["c@example.org"]]


def test_a_connection_lost_around_a_message_loses_and_doubles_nothing(
    sink: SmtpSink, provider: Any
) -> None:
    results = send_all(
        provider, mails("a@example.org", "drop-after-data@example.org", "c@example.org")
    )
    assert isinstance(results[1], ProviderError)
    assert results[1].code == "connection_lost"
    assert [each["rcpt_tos"] for each in taken(sink)] == [["a@example.org"], ["c@example.org"]]


def test_a_server_that_ends_between_two_mails_is_connected_to_again(
    tmp_path: Path,
) -> None:
    sink = SmtpSink(tmp_path, pipelining=True)
    sink.start()
    with closing(connect(sink)) as provider:
        first, second = mails("a@example.org", "b@example.org")
        send_one(provider, first, second)
        sink.stop()
        sink.start()
        assert send_one(provider, second, None) == second.message_id
    sink.stop()
