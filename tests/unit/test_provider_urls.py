"""What EMAIL_PROVIDERS and PUSH_PROVIDERS may hold, and how they say what is wrong."""

from pathlib import Path

import pytest

from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import EmailMessage, PushMessage, Timeouts
from apps.delivery.providers.schemes import SCHEMES
from apps.delivery.providers.smtp import read_smtp_server
from apps.delivery.providers.urls import (
    InvalidProviderUrl,
    ProviderUrl,
    Rate,
    check_names_differ,
    parse_provider_urls,
)

SECRET = "s3cr3t"  # noqa: S105 - what no error may show


def parse_one(text: str) -> ProviderUrl:
    (url,) = parse_provider_urls(text)
    return url


def discard(message: EmailMessage | PushMessage) -> None:
    del message


def test_an_smtp_url_has_every_part_decoded() -> None:
    url = parse_one(f"smtp://ada%40example.org:{SECRET}%2F%2C@mail.example.org:2525?tls=starttls")
    assert (url.scheme, url.username, url.password) == ("smtp", "ada@example.org", "s3cr3t/,")
    assert (url.host, url.port, url.options) == ("mail.example.org", 2525, {"tls": "starttls"})
    assert url.name == "smtp-mail.example.org"


@pytest.mark.parametrize(
    ("text", "username", "path", "name"),
    [
        ("sendgrid://KEY@", "KEY", "", "sendgrid"),
        ("sendgrid://SG.a-b_c@/", "SG.a-b_c", "", "sendgrid"),
        ("mailgun://KEY@/mg.example.org", "KEY", "mg.example.org", "mailgun"),
        ("anymail+postmark://TOKEN@/?message_stream=x", "TOKEN", "", "postmark"),
        ("fcm:///etc/notifier/key%20file.json", "", "/etc/notifier/key file.json", "fcm"),
        ("onesignal://KEY@/b2f7-app", "KEY", "b2f7-app", "onesignal"),
        ("capture://", "", "", "capture"),
    ],
)
def test_each_scheme_has_its_parts(text: str, username: str, path: str, name: str) -> None:
    url = parse_one(text)
    assert (url.username, url.path, url.name) == (username, path, name)


def test_several_urls_keep_their_order_and_get_different_names() -> None:
    text = "smtp://h1, smtp://h1:26,\n sendgrid://K@/?name=smtp-h1-2 , capture://,"
    names = [url.name for url in parse_provider_urls(text)]
    assert names == ["smtp-h1", "smtp-h1-3", "smtp-h1-2", "capture"]


def test_a_comma_in_a_password_does_not_separate() -> None:
    urls = parse_provider_urls("smtp://ada:a,b@h1,capture://")
    assert [url.password for url in urls] == ["a,b", ""]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50/s", Rate(count=50, seconds=1)),
        ("600/m", Rate(count=600, seconds=60)),
        ("1000/15m", Rate(count=1000, seconds=900)),
        ("5/h", Rate(count=5, seconds=3600)),
    ],
)
def test_a_rate_is_so_many_in_so_many_seconds(text: str, rate: Rate) -> None:
    assert parse_one(f"capture://?rate={text}").rate == rate


def test_timeouts_are_five_and_ten_seconds_unless_told() -> None:
    assert parse_one("smtp://h").timeouts == Timeouts(connect=5, read=10)
    assert parse_one("smtp://h?timeout=0.5").timeouts == Timeouts(connect=0.5, read=0.5)
    assert parse_one("smtp://h?timeout=20").timeouts == Timeouts(connect=5, read=20)


def test_an_endpoint_loses_its_last_slash() -> None:
    url = parse_one("sendgrid://K@/?endpoint=http://127.0.0.1:9099/")
    assert url.endpoint == "http://127.0.0.1:9099"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        SECRET,
        f"ftp://ada:{SECRET}@h",
        f"{SECRET}://h",
        f"smtp://ada:{SECRET}@",
        f"smtp://ada:{SECRET}/x@h",
        f"smtp://ada:{SECRET}#x@h",
        f"smtp://ada:{SECRET}?x@h",
        f"smtp://ada:{SECRET}@h:port",
        f"smtp://ada:{SECRET}@h:0",
        f"smtp://ada:{SECRET}@h:99999",
        f"smtp://ada:{SECRET}@[::1",
        f"smtp://:{SECRET}@h",
        f"smtp://ada:{SECRET}%0A@h",
        f"smtp://ada:{SECRET}%C3%A4@h",
        f"smtp://ada:{SECRET}@h/path",
        f"smtp://h?{SECRET}=1",
        "smtp://h?tls=maybe",
        "smtp://h?tls=none&tls=none",
        "smtps://h?tls=none",
        "smtp://h?tls_verify=no",
        f"sendgrid://{SECRET}",
        f"sendgrid://{SECRET}/x@",
        f"sendgrid://{SECRET}@host/",
        f"sendgrid://{SECRET}@/path",
        f"mailgun://{SECRET}@/",
        f"anymail+nobody://{SECRET}@/",
        f"anymail+postal://{SECRET}@/",
        f"anymail+mailjet://{SECRET}@/",
        "fcm://",
        "fcm://path/key.json",
        f"onesignal://{SECRET}@/",
        "capture://host",
        "capture://?name=Has Spaces",
        "capture://?name=",
        "capture://?name=a,capture://?name=a",
        "capture://?rate=0/s",
        "capture://?rate=5",
        "capture://?rate=5/0s",
        "smtp://h?timeout=0",
        "smtp://h?timeout=31",
        "smtp://h?timeout=nan",
        f"sendgrid://{SECRET}@/?endpoint=127.0.0.1:9099",
        f"sendgrid://{SECRET}@/?endpoint=file:///etc",
        f"sendgrid://{SECRET}@/?endpoint=http://{SECRET}@h",
        f"sendgrid://{SECRET}@/?endpoint=http://h:x",
    ],
)
def test_a_url_that_cannot_work_is_refused_in_one_line_without_the_secret(text: str) -> None:
    with pytest.raises(InvalidProviderUrl, match=r"expected|must be|needs") as caught:
        parse_provider_urls(text)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_may_be_secret_is_not_in_the_repr() -> None:
    (url,) = parse_provider_urls(f"smtp://ada:{SECRET}@h")
    assert SECRET not in repr(url)
    assert SECRET not in repr(read_smtp_server(url))
    assert SECRET not in repr(parse_one(f"sendgrid://{SECRET}@/"))


def test_a_provider_of_the_other_channel_is_refused() -> None:
    with pytest.raises(InvalidProviderUrl, match="cannot send push: expected one of the schemes"):
        parse_provider_urls("sendgrid://K@/", channel="push")
    with pytest.raises(InvalidProviderUrl, match="cannot send email"):
        build_provider(parse_one("onesignal://K@/app"), channel="email", store=discard)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"type": "service_account"}'])
def test_a_service_account_file_that_cannot_work_is_refused_in_one_line(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(InvalidProviderUrl, match="expected a service account's JSON key at") as e:
        build_provider(parse_one(f"fcm://{path}"), channel="push", store=discard)
    assert "\n" not in str(e.value)


def test_a_missing_service_account_file_is_refused() -> None:
    with pytest.raises(InvalidProviderUrl, match="No such file"):
        build_provider(parse_one("fcm:///nowhere/key.json"), channel="push", store=discard)


def test_a_ca_file_that_cannot_be_read_is_refused() -> None:
    url = parse_one("smtps://h?ca_file=/nowhere.pem")
    with pytest.raises(InvalidProviderUrl, match="expected PEM certificates"):
        build_provider(url, channel="email", store=discard)


@pytest.mark.parametrize(
    ("text", "security", "port"),
    [
        ("smtp://mail.example.org", "starttls", 587),
        ("smtp://mail.example.org:25?tls=none", "none", 25),
        ("smtp://127.0.0.1:1025", "none", 1025),
        ("smtp://localhost:1025?tls=starttls", "starttls", 1025),
        ("smtps://127.0.0.1", "implicit", 465),
    ],
)
def test_mail_leaves_the_machine_encrypted_unless_told(
    text: str, security: str, port: int
) -> None:
    server = read_smtp_server(parse_one(text))
    assert (server.security, server.port) == (security, port)
    assert server.tls.check_hostname


def test_every_scheme_says_what_it_expects() -> None:
    for name, scheme in SCHEMES.items():
        assert scheme.shape.startswith(f"{name}://")


@pytest.mark.parametrize(
    ("email", "push"),
    [
        ("smtp://mail?name=main", "onesignal://KEY@/app?name=main"),
        ("smtp://mail,sendgrid://KEY@?name=onesignal", "onesignal://KEY@/app"),
    ],
)
def test_one_name_stands_for_one_provider_of_both_channels(email: str, push: str) -> None:
    with pytest.raises(InvalidProviderUrl, match="e-mail and of a push provider"):
        check_names_differ(parse_provider_urls(email), parse_provider_urls(push))


def test_what_only_captures_may_have_one_name_on_both_channels() -> None:
    capture = parse_provider_urls("capture://")
    check_names_differ(capture, capture)
    check_names_differ(parse_provider_urls("smtp://mail"), parse_provider_urls("fcm:///a.json"))
