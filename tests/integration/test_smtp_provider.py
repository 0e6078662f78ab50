"""SMTP, phase by phase, against a server in its own process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import (
    EmailMessage,
    Misconfigured,
    Permanent,
    ProviderError,
    Transient,
    Uncertain,
)
from apps.delivery.providers.urls import parse_provider_urls
from tests.integration.provider_subjects import (
    LOGIN,
    SHORT,
    fail_to_send,
    forbid_store,
    make_message,
)
from tests.standins.processes import SmtpSink, read_mail

ACCOUNT = f"{LOGIN[0]}:{LOGIN[1]}@"


@pytest.fixture(scope="module", params=[True, False], ids=["pipelining", "step by step"])
def plain_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SmtpSink]:
    yield from run(SmtpSink(tmp_path_factory.mktemp("plain"), pipelining=request.param))


@pytest.fixture(scope="module")
def starttls_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    yield from run(SmtpSink(tmp_path_factory.mktemp("starttls"), starttls=True, login=LOGIN))


def run(sink: SmtpSink) -> Iterator[SmtpSink]:
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


@pytest.fixture
def sink(plain_process: SmtpSink) -> SmtpSink:
    plain_process.reset()
    return plain_process


@pytest.fixture
def secure_sink(starttls_process: SmtpSink) -> SmtpSink:
    starttls_process.reset()
    return starttls_process


@pytest.fixture
def provider(sink: SmtpSink) -> Iterator[Any]:
    with closing(connect(sink)) as built:
        yield built


def connect(sink: SmtpSink, *, scheme: str = "smtp", account: str = "", options: str = "") -> Any:
    text = f"{scheme}://{account}127.0.0.1:{sink.port}?timeout={SHORT}{options}"
    (url,) = parse_provider_urls(text)
    return build_provider(url, channel="email", store=forbid_store)


def make_mail(recipient: str = "ada@example.org", **changes: Any) -> EmailMessage:
    mail = make_message("email", recipient=recipient)
    assert isinstance(mail, EmailMessage)
    return replace(mail, **changes)


# Connecting


def test_starttls_verifies_the_certificate_and_then_logs_in(secure_sink: SmtpSink) -> None:
    options = f"&tls=starttls&ca_file={secure_sink.certificate}"
    with closing(connect(secure_sink, account=ACCOUNT, options=options)) as provider:
        provider.send(make_mail())
    (record,) = secure_sink.messages()
    assert (record["tls"], record["login"]) == (True, LOGIN[0])


def test_a_certificate_that_nobody_vouches_for_stops_everything(secure_sink: SmtpSink) -> None:
    with closing(connect(secure_sink, account=ACCOUNT, options="&tls=starttls")) as provider:
        error = fail_to_send(provider, make_mail(), Misconfigured)
    assert error.code == "tls_failed"


def test_verification_can_be_switched_off(secure_sink: SmtpSink) -> None:
    options = "&tls=starttls&tls_verify=false"
    with closing(connect(secure_sink, account=ACCOUNT, options=options)) as provider:
        provider.send(make_mail())
    assert len(secure_sink.messages()) == 1


def test_a_wrong_password_is_a_misconfiguration(secure_sink: SmtpSink) -> None:
    options = "&tls=starttls&tls_verify=false"
    with closing(connect(secure_sink, account="notifier:wrong-1@", options=options)) as provider:
        error = fail_to_send(provider, make_mail(), Misconfigured)
    assert error.code == "authentication_failed"
    assert "wrong-1" not in error.message


def test_a_missing_login_is_a_misconfiguration(secure_sink: SmtpSink) -> None:
    options = "&tls=starttls&tls_verify=false"
    with closing(connect(secure_sink, options=options)) as provider:
        fail_to_send(provider, make_mail(), Misconfigured)
    assert not secure_sink.messages()


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    for sink in run(SmtpSink(tmp_path, tls=True)):
        options = f"&ca_file={sink.certificate}"
        with closing(connect(sink, scheme="smtps", options=options)) as provider:
            provider.send(make_mail())
            provider.send(make_mail())
        first, second = sink.messages()
        assert first["connection"] == second["connection"]


def test_no_starttls_where_it_is_asked_for_is_a_misconfiguration(sink: SmtpSink) -> None:
    with closing(connect(sink, options="&tls=starttls")) as provider:
        error = fail_to_send(provider, make_mail(), Misconfigured)
    assert error.code == "starttls_not_offered"


def test_a_server_without_tls_behind_smtps_is_a_misconfiguration(sink: SmtpSink) -> None:
    with closing(connect(sink, scheme="smtps")) as provider:
        error = fail_to_send(provider, make_mail(), Misconfigured)
    assert error.code == "tls_failed"


def test_a_server_that_turns_connections_away_is_transient(sink: SmtpSink) -> None:
    sink.behave(refuse=True)
    with closing(connect(sink)) as provider:
        error = fail_to_send(provider, make_mail(), Transient)
    assert error.code == "smtp_421"


# One message


@pytest.mark.parametrize(
    ("recipient", "kind", "code"),
    [
        ("bounce550@example.org", Permanent, "smtp_550"),
        ("bounce530@example.org", Misconfigured, "authentication_failed"),
        ("grey451@example.org", Transient, "smtp_451"),
        ("data554@example.org", Permanent, "smtp_554"),
        ("data452@example.org", Transient, "smtp_452"),
        ("drop-after-data@example.org", Uncertain, "connection_lost"),
    ],
)
def test_each_answer_to_the_recipient_and_the_message(
    sink: SmtpSink, provider: Any, recipient: str, kind: type[ProviderError], code: str
) -> None:
    assert fail_to_send(provider, make_mail(recipient), kind).code == code
    assert len(sink.messages()) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [(550, Misconfigured), (552, Permanent), (451, Transient), (421, Transient)]
)
def test_each_answer_to_the_sender(
    sink: SmtpSink, provider: Any, code: int, kind: type[ProviderError]
) -> None:
    sink.behave(fail_always=True, code=code, target="mail")
    assert fail_to_send(provider, make_mail(), kind).code == f"smtp_{code}"
    assert len(sink.messages()) == 1


@pytest.mark.parametrize(
    ("fault", "code"),
    [("hang", "timeout"), ("reset", "connection_lost"), ("garbage", "unreadable_answer")],
)
@pytest.mark.parametrize("stage", ["mail", "rcpt"])
def test_a_loss_before_the_message_is_transient(
    sink: SmtpSink, provider: Any, fault: str, code: str, stage: str
) -> None:
    sink.behave(fail_always=True, fault=fault, target=stage)
    assert fail_to_send(provider, make_mail(), Transient).code == code
    assert len(sink.messages()) == 1
    assert not sink.messages(outcome="accepted")


def test_an_international_address_uses_smtputf8(sink: SmtpSink, provider: Any) -> None:
    provider.send(make_mail("jürgen@bücher.example"))
    provider.send(make_mail("ada@example.org"))
    first, second = sink.messages()
    assert first["rcpt_tos"] == ["jürgen@xn--bcher-kva.example"]
    assert read_mail(first)["To"] == "jürgen@xn--bcher-kva.example"
    assert second["rcpt_tos"] == ["ada@example.org"]


def test_bodies_travel_as_eight_bit_where_it_is_offered(sink: SmtpSink, provider: Any) -> None:
    provider.send(make_mail())
    mail = read_mail(sink.messages()[0])
    assert mail.get_body(("plain",))["Content-Transfer-Encoding"] == "8bit"  # type: ignore[index]  # there is one


def test_dots_and_long_lines_arrive_as_they_left(sink: SmtpSink, provider: Any) -> None:
    text = ".\n..\n. .\n" * 500 + "x" * 5000 + "\n.\n"
    provider.send(make_mail(text=text, html=""))
    arrived = read_mail(sink.messages()[0]).get_content()
    assert arrived.replace("\r\n", "\n") == text


# Kept connections


def test_a_connection_that_died_of_old_age_is_replaced(sink: SmtpSink, provider: Any) -> None:
    provider.send(make_mail())
    sink.stop()
    sink.start()
    provider.send(make_mail())
    assert len(sink.messages(outcome="accepted")) == 2


@pytest.mark.parametrize(("fault", "code"), [("status", 421), ("reset", 0), ("hang", 0)])
def test_a_kept_connection_that_fails_before_the_message_is_replaced_once(
    sink: SmtpSink, provider: Any, fault: str, code: int
) -> None:
    provider.send(make_mail())
    sink.behave(fail_next=1, fault=fault, code=code, target="mail")
    provider.send(make_mail())
    assert len(sink.messages(kind="data", outcome="accepted")) == 2
    sink.behave(fail_always=True, fault=fault, code=code, target="mail")
    fail_to_send(provider, make_mail(), Transient)
    failed = len(sink.messages()) - len(sink.messages(outcome="accepted"))
    assert failed == 3  # once before, and now twice


def test_threads_share_a_provider_and_each_mail_is_sent_once(
    sink: SmtpSink, provider: Any
) -> None:
    recipients = [f"user{number}@example.org" for number in range(80)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda recipient: provider.send(make_mail(recipient)), recipients))
    records = sink.messages()
    assert sorted(to for record in records for to in record["rcpt_tos"]) == sorted(recipients)
    assert len({record["connection"] for record in records}) <= 8
