"""What is particular to FCM, OneSignal and the mail APIs, against their stand-ins."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import (
    Misconfigured,
    Permanent,
    ProviderError,
    PushMessage,
    Transient,
    Uncertain,
)
from apps.delivery.providers.urls import InvalidProviderUrl, parse_provider_urls
from tests.integration.provider_subjects import (
    SHORT,
    fail_to_send,
    forbid_store,
    make_message,
    write_service_account,
)
from tests.standins.processes import FcmService, MailApiService


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_service_account(tmp_path_factory.mktemp("fcm-key") / "key.json")


@pytest.fixture(scope="module")
def fcm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FcmService]:
    fcm = FcmService(tmp_path_factory.mktemp("fcm"))
    fcm.start()
    yield fcm
    fcm.stop()


@pytest.fixture(scope="module")
def api_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailApiService]:
    api = MailApiService(tmp_path_factory.mktemp("api"))
    api.start()
    yield api
    api.stop()


@pytest.fixture
def standin(fcm_process: FcmService) -> FcmService:
    fcm_process.reset()
    return fcm_process


@pytest.fixture
def api(api_process: MailApiService) -> MailApiService:
    api_process.reset()
    return api_process


@pytest.fixture
def fcm(standin: FcmService, key_file: Path) -> Iterator[Any]:
    with closing(connect(f"fcm://{key_file}", standin.url)) as built:
        yield built


@pytest.fixture
def onesignal(api: MailApiService) -> Iterator[Any]:
    with closing(connect("onesignal://key@/app-1", api.url)) as built:
        yield built


def connect(base: str, endpoint: str) -> Any:
    (url,) = parse_provider_urls(f"{base}?endpoint={endpoint}&timeout={SHORT}")
    channel = "push" if url.scheme in ("fcm", "onesignal") else "email"
    return build_provider(url, channel=channel, store=forbid_store)  # type: ignore[call-overload]  # either


def make_push(token: str = "token-1", **changes: Any) -> PushMessage:  # noqa: S107 - a device's
    push = make_message("push", recipient=token)
    assert isinstance(push, PushMessage)
    return replace(push, **changes)


# FCM


@pytest.mark.parametrize(
    ("token", "kind", "code"),
    [
        ("UNREGISTERED:x", Permanent, "fcm_unregistered"),
        ("SENDER_ID_MISMATCH:x", Permanent, "fcm_sender_id_mismatch"),
        ("INVALID_ARGUMENT:x", Permanent, "fcm_invalid_argument"),
        ("THIRD_PARTY_AUTH_ERROR:x", Misconfigured, "fcm_third_party_auth"),
        ("QUOTA_EXCEEDED:7:x", Transient, "http_429"),
        ("INTERNAL:x", Transient, "http_500"),
        ("UNAVAILABLE:x", Transient, "http_503"),
        ("garbage:x", Uncertain, "unreadable_answer"),
    ],
)
def test_each_fcm_error_has_its_meaning_and_is_not_repeated(
    standin: FcmService, fcm: Any, token: str, kind: type[ProviderError], code: str
) -> None:
    error = fail_to_send(fcm, make_push(token), kind)
    assert error.code == code
    gone = token.startswith(("UNREGISTERED", "SENDER"))
    assert getattr(error, "recipient_gone", False) == gone
    assert getattr(error, "retry_after", None) == (7 if ":7:" in token else None)
    assert len(standin.messages(kind="send")) == 1


def test_an_android_push_has_the_android_block_alone(standin: FcmService, fcm: Any) -> None:
    fcm.send(make_push(platform="android", image="https://example.org/i.png"))
    message = read_push(standin)
    assert message["android"]["priority"] == "high"
    assert message["android"]["ttl"] == "60s"
    assert message["android"]["notification"]["image"] == "https://example.org/i.png"
    assert message["data"]["link"] == "https://example.org/o"
    assert not {"apns", "webpush"} & message.keys()


def test_an_ios_push_has_the_apns_block_alone(standin: FcmService, fcm: Any) -> None:
    push = make_push(platform="ios", high_priority=False, ttl_seconds=0, image="https://e.org/i")
    fcm.send(push)
    message = read_push(standin)
    headers, aps = message["apns"]["headers"], message["apns"]["payload"]["aps"]
    assert headers["apns-priority"] == "5"
    assert int(headers["apns-expiration"]) > 1_700_000_000
    assert aps["alert"] == {"title": "Grüße", "body": "Your order is ready ☃"}
    assert (aps["sound"], aps["mutable-content"]) == ("default", 1)
    assert message["apns"]["fcm_options"] == {"image": "https://e.org/i"}
    assert not {"android", "webpush"} & message.keys()


def test_a_web_link_that_is_not_https_stays_in_the_data_alone(
    standin: FcmService, fcm: Any
) -> None:
    fcm.send(make_push(link="http://example.org/o"))
    message = read_push(standin)
    assert "fcm_options" not in message["webpush"]
    assert message["data"]["link"] == "http://example.org/o"


def read_push(standin: FcmService) -> dict[str, Any]:
    (record,) = standin.messages(kind="send")
    message: dict[str, Any] = record["content"]["message"]
    return message


def test_one_token_serves_many_sends(standin: FcmService, fcm: Any) -> None:
    for _ in range(3):
        fcm.send(make_push())
    assert len(standin.messages(kind="token")) == 1


def test_a_refused_token_is_replaced_and_the_push_sent(standin: FcmService, fcm: Any) -> None:
    fcm.send(make_push())
    fcm._auth._credentials.token = "revoked"  # noqa: S105, SLF001 - as if Google had done it
    fcm.send(make_push())
    assert len(standin.messages(kind="token")) == 2
    assert len(standin.messages(kind="send")) == 3


@pytest.mark.parametrize("fault", ["hang", "reset", "garbage"])
def test_trouble_with_the_token_is_transient_because_nothing_was_sent(
    standin: FcmService, fcm: Any, fault: str
) -> None:
    standin.behave(fail_always=True, fault=fault, target="token")
    fail_to_send(fcm, make_push(), Transient)
    assert not standin.messages(kind="send")


# Retry-After, in every form


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 0, 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0),
        ("Thu, 31 Dec 2099 23:59:59 GMT", 86_400, 86_400),
        ("1000000000", 86_400, 86_400),
        ("9" * 400, 86_400, 86_400),
    ],
)
def test_a_wait_may_be_named_as_seconds_or_as_a_date(
    api: MailApiService, onesignal: Any, text: str, least: float, most: float
) -> None:
    api.behave(fail_next=1, code=429, retry_after=text)
    assert least <= fail_to_send(onesignal, make_push(), Transient).retry_after <= most


@pytest.mark.parametrize("text", ["soon", "-1", "1e9", "Fri, 31 Dec 99999999 23:59:59 GMT"])
def test_a_wait_that_cannot_be_read_is_none(
    api: MailApiService, onesignal: Any, text: str
) -> None:
    api.behave(fail_next=1, code=503, retry_after=text)
    assert fail_to_send(onesignal, make_push(), Transient).retry_after is None


# OneSignal


def test_a_repeat_carries_the_same_key_and_another_device_another(
    api: MailApiService, onesignal: Any
) -> None:
    first, again = onesignal.send(make_push()), onesignal.send(make_push(attempt=2))
    other = onesignal.send(make_push("token-2"))
    assert first == again != other
    keys = [record["content"]["idempotency_key"] for record in api.messages()]
    assert keys[0] == keys[1] != keys[2]


def test_an_unknown_subscription_is_gone(onesignal: Any) -> None:
    assert fail_to_send(onesignal, make_push("unknown-1"), Permanent).recipient_gone


# All of them


@pytest.fixture
def redirector(api: MailApiService) -> Iterator[str]:
    """Answers every post with 307 and the stand-in's address."""

    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", f"{api.url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Stay silent."""

    with http.server.HTTPServer(("127.0.0.1", 0), Redirect) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "base", ["sendgrid://key@/", "mailgun://key@/mg.example.org", "onesignal://key@/app-1"]
)
def test_credentials_do_not_follow_a_redirect(
    api: MailApiService, redirector: str, base: str
) -> None:
    with closing(connect(base, redirector)) as provider:
        message = make_message(provider.channel)
        error = fail_to_send(provider, message, Misconfigured)
    assert error.code == "http_307"
    assert not api.messages()


def test_an_endpoint_with_a_path_replaces_the_services_own(api: MailApiService) -> None:
    with closing(connect("sendgrid://key@/", f"{api.url}/proxy/v3")) as provider:
        provider.send(make_message("email"))
    assert api.messages()[0]["path"] == "/proxy/v3/mail/send"


@pytest.mark.parametrize(
    "base",
    [
        "anymail+brevo://K@/",
        "anymail+mailersend://K@/",
        "anymail+mailjet://K:S@/",
        "anymail+mailtrap://K@/",
        "anymail+mandrill://K@/",
        "anymail+postal://K@/",
        "anymail+postmark://K@/",
        "anymail+resend://K@/",
        "anymail+scaleway://K@/project",
        "anymail+sparkpost://K@/",
        "anymail+unisender-go://K@/",
    ],
)
def test_every_other_service_reaches_its_endpoint(api: MailApiService, base: str) -> None:
    """The stand-in does not know them and answers 404: ours to mend, and not repeated."""
    with closing(connect(base, api.url)) as provider:
        error = fail_to_send(provider, make_message("email"), Misconfigured)
    assert error.code == "http_404"


def test_a_service_without_its_library_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidProviderUrl):
        parse_provider_urls("anymail+amazon-ses://K@/")


def test_what_an_api_cannot_carry_is_permanent(api: MailApiService) -> None:
    with closing(connect("sendgrid://key@/", api.url)) as provider:
        mail: Any = make_message("email")
        fail_to_send(provider, replace(mail, recipient="a@x.org, b@y.org"), Permanent)
        fail_to_send(provider, replace(mail, subject="x\r\nBcc: b@y.org"), Permanent)
    assert not api.messages()
