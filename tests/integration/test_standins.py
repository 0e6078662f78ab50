"""The stand-ins of mail and push providers, asked by real clients over real sockets."""

import base64
import http.client
import json
import smtplib
import ssl
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest

from tests.standins.processes import (
    FcmService,
    MailApiService,
    SmtpSink,
    StandinProcess,
    read_mail,
)

SENDER = "sender@example.org"
BEARER = {"Authorization": "Bearer ya29.standin-1"}
SENDGRID = {"Authorization": "Bearer key"}
MAILGUN = {"Authorization": "Basic " + base64.b64encode(b"api:key").decode()}
ONESIGNAL = {"Authorization": "Key key"}


@pytest.fixture(scope="module")
def sink_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    yield from run(SmtpSink(tmp_path_factory.mktemp("smtp")))


@pytest.fixture(scope="module")
def fcm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FcmService]:
    yield from run(FcmService(tmp_path_factory.mktemp("fcm")))


@pytest.fixture(scope="module")
def api_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailApiService]:
    yield from run(MailApiService(tmp_path_factory.mktemp("api")))


P = TypeVar("P", bound=StandinProcess)


def run(process: P) -> Iterator[P]:
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def sink(sink_process: SmtpSink) -> SmtpSink:
    sink_process.reset()
    return sink_process


@pytest.fixture
def fcm(fcm_process: FcmService) -> FcmService:
    fcm_process.reset()
    return fcm_process


@pytest.fixture
def api(api_process: MailApiService) -> MailApiService:
    api_process.reset()
    return api_process


def make_mail(recipient: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SENDER, recipient, "Grüße"
    mail["Message-ID"], mail["X-Notification-ID"] = "<1@example.org>", "n-1"
    mail.set_content("a\n.b\n")
    return mail


def connect(sink: SmtpSink) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", sink.port, timeout=5)


def post(
    process: StandinProcess, path: str, content: Any, headers: dict[str, str], timeout: float = 5
) -> tuple[int, Any, dict[str, str]]:
    """Post JSON (or bytes as they are); return status, decoded JSON or bytes, headers."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=timeout)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    is_json = answer.headers.get_content_type() == "application/json"
    return answer.status, json.loads(text) if is_json else text, dict(answer.headers)


def push(fcm: FcmService, token: str, timeout: float = 5) -> tuple[int, Any, dict[str, str]]:
    content = {"message": {"token": token, "data": {"a": "b"}}}
    return post(fcm, "/v1/projects/p/messages:send", content, BEARER, timeout)


# SMTP


def test_the_sink_keeps_the_whole_mail_and_the_number_of_its_connection(sink: SmtpSink) -> None:
    with connect(sink) as client:
        client.send_message(make_mail("ada@example.org"))
        client.send_message(make_mail("bob@example.org"))
    first, second = sink.messages(kind="data", outcome="accepted")
    assert first["connection"] == second["connection"]
    assert first["rcpt_tos"] == ["ada@example.org"]
    assert first["mail_from"] == SENDER
    assert (first["message_id"], first["notification_id"]) == ("<1@example.org>", "n-1")
    assert read_mail(first).get_content() == "a\r\n.b\r\n"


@pytest.mark.parametrize(
    ("local_part", "code"), [("bounce550", 550), ("grey451", 451), ("once450", 450)]
)
def test_a_recipient_is_refused_by_its_name(sink: SmtpSink, local_part: str, code: int) -> None:
    address = f"{local_part}@example.org"
    with connect(sink) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        client.send_message(make_mail(address))
    assert caught.value.recipients[address][0] == code
    assert sink.messages(kind="data") == []


def test_a_recipient_refused_once_is_taken_the_second_time(sink: SmtpSink) -> None:
    mail = make_mail("once451@example.org")
    with connect(sink) as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.send_message(mail)
        client.send_message(mail)
    assert len(sink.messages(kind="data", outcome="accepted")) == 1


def test_a_message_is_refused_after_its_end(sink: SmtpSink) -> None:
    with connect(sink) as client, pytest.raises(smtplib.SMTPDataError) as caught:
        client.send_message(make_mail("data554@example.org"))
    assert caught.value.smtp_code == 554
    assert [record["outcome"] for record in sink.messages(kind="data")] == ["refused"]


def test_a_connection_is_dropped_after_the_message_without_an_answer(sink: SmtpSink) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected), connect(sink) as client:
        client.send_message(make_mail("drop-after-data@example.org"))
    assert [record["outcome"] for record in sink.messages(kind="data")] == ["dropped"]


def test_a_slow_recipient_makes_the_answer_wait(sink: SmtpSink) -> None:
    begun = time.monotonic()
    with connect(sink) as client:
        client.send_message(make_mail("slow1@example.org"))
    assert time.monotonic() - begun >= 1


def test_the_next_messages_are_answered_with_a_code(sink: SmtpSink) -> None:
    sink.behave(fail_next=2, code=452, target="data")
    with connect(sink) as client:
        for _ in range(2):
            with pytest.raises(smtplib.SMTPDataError):
                client.send_message(make_mail("ada@example.org"))
        client.send_message(make_mail("ada@example.org"))
    assert sink.get_stats()["data.refused"] == 2
    assert sink.get_stats()["data.accepted"] == 1


@pytest.mark.parametrize(
    ("stage", "error"),
    [("mail", smtplib.SMTPSenderRefused), ("rcpt", smtplib.SMTPRecipientsRefused)],
)
def test_a_fault_can_meet_an_earlier_stage(
    sink: SmtpSink, stage: str, error: type[smtplib.SMTPException]
) -> None:
    sink.behave(fail_next=1, target=stage)
    with connect(sink) as client, pytest.raises(error):
        client.send_message(make_mail("ada@example.org"))


def test_a_hanging_sink_lets_the_client_time_out(sink: SmtpSink) -> None:
    sink.behave(fail_next=1, fault="hang", target="data")
    client = smtplib.SMTP("127.0.0.1", sink.port, timeout=0.5)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        client.send_message(make_mail("ada@example.org"))
    client.close()


def test_new_connections_can_be_turned_away(sink: SmtpSink) -> None:
    sink.behave(refuse=True)
    with pytest.raises(smtplib.SMTPConnectError) as caught:
        connect(sink)
    assert caught.value.smtp_code == 421


def test_starttls_and_a_login(tmp_path: Path) -> None:
    for sink in run(SmtpSink(tmp_path, starttls=True, login=("ada", "secret"))):
        context = ssl.create_default_context(cafile=str(sink.certificate))
        with connect(sink) as client:
            client.starttls(context=context)
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("ada", "wrong")
            client.login("ada", "secret")
            client.send_message(make_mail("bob@example.org"))
        record = sink.messages(kind="data")[0]
        assert (record["tls"], record["login"]) == (True, "ada")


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    for sink in run(SmtpSink(tmp_path, tls=True)):
        context = ssl.create_default_context(cafile=str(sink.certificate))
        with smtplib.SMTP_SSL("127.0.0.1", sink.port, timeout=5, context=context) as client:
            client.send_message(make_mail("bob@example.org"))
        assert len(sink.messages(kind="data", outcome="accepted")) == 1


# FCM


def test_a_push_is_recorded_with_payload_and_headers(fcm: FcmService) -> None:
    status, answer, _ = push(fcm, "device-1")
    assert status == 200
    assert answer["name"].startswith("projects/")
    record = fcm.messages(kind="send", outcome="accepted")[0]
    assert record["content"]["message"] == {"token": "device-1", "data": {"a": "b"}}
    assert record["headers"]["authorization"] == BEARER["Authorization"]


def test_a_push_without_an_access_token_of_ours_is_unauthenticated(fcm: FcmService) -> None:
    path = "/v1/projects/p/messages:send"
    status, answer, _ = post(fcm, path, {"message": {"token": "d"}}, {"Authorization": "Bearer x"})
    assert (status, answer["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_a_signed_assertion_is_exchanged_for_an_access_token(fcm: FcmService) -> None:
    claims = base64.urlsafe_b64encode(b'{"iss": "robot", "scope": "messaging"}').decode()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": f"head.{claims}.signature",
    }
    status, answer, _ = post(fcm, "/token", urlencode(form).encode(), {})
    assert status == 200
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    content = {"message": {"token": "device"}}
    assert post(fcm, "/v1/projects/p/messages:send", content, bearer)[0] == 200
    assert fcm.messages(kind="token")[0]["content"]["iss"] == "robot"


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("UNREGISTERED:a", 404, "UNREGISTERED"),
        ("INVALID_ARGUMENT:a", 400, "INVALID_ARGUMENT"),
        ("UNAVAILABLE:a", 503, "UNAVAILABLE"),
    ],
)
def test_a_token_chooses_its_error(fcm: FcmService, token: str, status: int, code: str) -> None:
    got, answer, _ = push(fcm, token)
    assert (got, answer["error"]["details"][0]["errorCode"]) == (status, code)


def test_a_quota_error_says_when_to_come_back(fcm: FcmService) -> None:
    status, _, headers = push(fcm, "QUOTA_EXCEEDED:7:a")
    assert (status, headers["Retry-After"]) == (429, "7")


def test_a_payload_that_the_real_service_refuses_is_refused(fcm: FcmService) -> None:
    content = {"message": {"token": "device", "data": {"count": 1}}}
    status, answer, _ = post(fcm, "/v1/projects/p/messages:send", content, BEARER)
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_a_reset_comes_after_the_message_was_read(fcm: FcmService) -> None:
    with pytest.raises(ConnectionError):
        push(fcm, "reset:a")
    assert [record["outcome"] for record in fcm.messages(kind="send")] == ["reset"]


def test_garbage_is_a_success_that_cannot_be_read(fcm: FcmService) -> None:
    fcm.behave(fail_next=1, fault="garbage")
    assert push(fcm, "device")[:2] == (200, b"<html>gateway")
    assert push(fcm, "device")[0] == 200
    assert fcm.get_stats()["send.garbage"] == 1


def test_a_hang_outlasts_the_client(fcm: FcmService) -> None:
    with pytest.raises(TimeoutError):
        push(fcm, "hang:a", timeout=0.3)


def test_failures_can_be_limited_to_the_token_endpoint(fcm: FcmService) -> None:
    fcm.behave(fail_always=True, code=500, target="token")
    assert post(fcm, "/token", b"", {})[0] == 500
    assert push(fcm, "device")[0] == 200


def test_a_connection_is_kept_for_the_next_push(fcm: FcmService) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", fcm.port, timeout=5)
    body = json.dumps({"message": {"token": "device"}})
    for _ in range(2):
        connection.request("POST", "/v1/projects/p/messages:send", body, BEARER)
        connection.getresponse().read()
    connection.close()
    first, second = fcm.messages(kind="send")
    assert first["connection"] == second["connection"]


# SendGrid, Mailgun, OneSignal

SENDGRID_MAIL = {
    "personalizations": [{"to": [{"email": "ada@example.org"}]}],
    "from": {"email": SENDER},
    "subject": "s",
    "content": [{"type": "text/plain", "value": "t"}],
}
MAILGUN_MAIL = urlencode({"from": SENDER, "to": "ada@example.org", "text": "t"}).encode()
ONESIGNAL_MESSAGE = {"app_id": "app", "contents": {"en": "t"}}


def test_sendgrid_answers_202_with_a_message_id(api: MailApiService) -> None:
    status, body, headers = post(api, "/v3/mail/send", SENDGRID_MAIL, SENDGRID)
    assert (status, body) == (202, b"")
    record = api.messages(kind="sendgrid", outcome="accepted")[0]
    assert record["message_id"] == headers["X-Message-Id"]
    assert record["content"] == SENDGRID_MAIL


def test_sendgrid_refuses_a_wrong_key_and_a_mail_without_recipients(api: MailApiService) -> None:
    wrong = {"Authorization": "Bearer wrong-key"}
    assert post(api, "/v3/mail/send", SENDGRID_MAIL, wrong)[0] == 401
    assert (
        post(api, "/v3/mail/send", {**SENDGRID_MAIL, "personalizations": []}, SENDGRID)[0] == 400
    )


def test_mailgun_takes_a_form_and_answers_with_an_id(api: MailApiService) -> None:
    status, answer, _ = post(api, "/v3/mg.example.org/messages", MAILGUN_MAIL, MAILGUN)
    assert status == 200
    assert answer["id"].endswith("@mg.example.org>")
    assert api.messages(kind="mailgun")[0]["content"]["to"] == ["ada@example.org"]


def test_mailgun_takes_a_multipart_form(api: MailApiService) -> None:
    parts = {"from": SENDER, "to": "ada@example.org", "text": "t\xfc"}
    body = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    headers = {**MAILGUN, "Content-Type": "multipart/form-data; boundary=b"}
    status, _, _ = post(api, "/v3/d/messages", f"{body}--b--\r\n".encode(), headers)
    assert status == 200
    assert api.messages(kind="mailgun")[0]["content"] == {k: [v] for k, v in parts.items()}


def test_mailgun_refuses_a_wrong_key_with_text(api: MailApiService) -> None:
    wrong = {"Authorization": "Basic " + base64.b64encode(b"api:wrong-key").decode()}
    assert post(api, "/v3/d/messages", MAILGUN_MAIL, wrong)[:2] == (401, b"Forbidden")


def test_a_provider_in_trouble_says_when_to_come_back(api: MailApiService) -> None:
    api.behave(fail_next=1, code=429, retry_after=3, target="sendgrid")
    assert post(api, "/v3/d/messages", MAILGUN_MAIL, MAILGUN)[0] == 200
    status, answer, headers = post(api, "/v3/mail/send", SENDGRID_MAIL, SENDGRID)
    assert (status, headers["Retry-After"]) == (429, "3")
    assert "errors" in answer
    assert post(api, "/v3/mail/send", SENDGRID_MAIL, SENDGRID)[0] == 202


def test_onesignal_answers_with_an_id_that_a_repeated_key_keeps(api: MailApiService) -> None:
    message = {**ONESIGNAL_MESSAGE, "include_subscription_ids": ["s1"], "idempotency_key": "k"}
    answers = [post(api, "/notifications", message, ONESIGNAL) for _ in range(2)]
    assert [status for status, _, _ in answers] == [200, 200]
    assert answers[0][1]["id"] == answers[1][1]["id"] != ""


@pytest.mark.parametrize(
    ("subscriptions", "errors", "has_id"),
    [
        (["unknown-1"], {"invalid_player_ids": ["unknown-1"]}, False),
        (["s1", "unknown-1"], {"invalid_player_ids": ["unknown-1"]}, True),
        (["unsubscribed-1"], ["All included players are not subscribed"], False),
    ],
)
def test_onesignal_reports_lost_subscriptions_with_200(
    api: MailApiService, subscriptions: list[str], errors: object, has_id: bool
) -> None:
    message = {**ONESIGNAL_MESSAGE, "include_subscription_ids": subscriptions}
    status, answer, _ = post(api, "/notifications", message, ONESIGNAL)
    assert (status, answer["errors"], bool(answer["id"])) == (200, errors, has_id)


def test_latency_delays_every_answer(api: MailApiService) -> None:
    api.behave(latency_ms=200)
    begun = time.monotonic()
    post(api, "/v3/mail/send", SENDGRID_MAIL, SENDGRID)
    assert time.monotonic() - begun >= 0.2


def test_a_misspelt_behaviour_is_refused(api: MailApiService) -> None:
    with pytest.raises(ValueError, match="fail_nxt"):
        api.behave(fail_nxt=1)


def test_a_restarted_standin_keeps_its_port_and_what_it_received(tmp_path: Path) -> None:
    for fcm in run(FcmService(tmp_path)):
        push(fcm, "device-1")
        port = fcm.port
        fcm.kill()
        with pytest.raises(ConnectionRefusedError):
            push(fcm, "device-2")
        fcm.start()
        assert push(fcm, "device-3")[0] == 200
        assert fcm.port == port
        tokens = [one["content"]["message"]["token"] for one in fcm.messages(kind="send")]
        assert tokens == ["device-1", "device-3"]
