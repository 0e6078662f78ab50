"""The bytes of a mail, read back with the standard library."""

import email
import email.policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage as MimeEntity
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.delivery.providers.contract import EmailMessage, Misconfigured, Permanent
from apps.delivery.providers.mime import build_mime
from apps.delivery.providers.mime_body import LINE_LIMIT

NOW = 1_764_000_000.0
MESSAGE_ID = "<0198a7c2-1111-7000-8000-000000000001@mail.example.org>"


def make_message(**changes: Any) -> EmailMessage:
    defaults: dict[str, Any] = {
        "notification_id": "0198a7c2-1111-7000-8000-000000000001",
        "attempt": 1,
        "message_id": MESSAGE_ID,
        "sender": "Notifier <noreply@example.org>",
        "recipient": "ada@example.org",
        "subject": "Hello",
        "text": "Hi\n",
        "html": "",
        "headers": {},
        "correlation_id": "c",
    }
    return EmailMessage(**{**defaults, **changes})


def build_and_parse(**changes: Any) -> MimeEntity:
    data = build_mime(make_message(**changes), now=NOW)
    check_lines(data)
    return email.message_from_bytes(data, policy=email.policy.default)


def read_body(mail: MimeEntity, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    assert text.count("\n") == text.count("\r\n") == text.count("\r")
    return text.replace("\r\n", "\n")


def check_lines(data: bytes) -> None:
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    assert max(len(line) for line in data.split(b"\r\n")) <= LINE_LIMIT


def test_a_mail_says_who_when_and_that_a_machine_wrote_it() -> None:
    mail = build_and_parse()
    assert mail["From"] == "Notifier <noreply@example.org>"
    assert mail["To"] == "ada@example.org"
    assert mail["Subject"] == "Hello"
    assert mail["Message-ID"] == MESSAGE_ID
    assert mail["Date"].datetime.timestamp() == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Notification-ID"] == "0198a7c2-1111-7000-8000-000000000001"
    assert mail["MIME-Version"] == "1.0"
    assert not mail.defects


def test_text_alone_is_one_plain_part() -> None:
    mail = build_and_parse(text="Grüße,\nAda")
    assert mail.get_content_type() == "text/plain"
    assert read_body(mail) == "Grüße,\nAda\n"


def test_text_and_html_are_alternatives_with_the_html_last() -> None:
    mail = build_and_parse(text="plain ☃", html="<p>rich ☃</p>")
    assert mail.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert read_body(mail, "plain") == "plain ☃\n"
    assert read_body(mail, "html") == "<p>rich ☃</p>\n"


@pytest.mark.parametrize("eight_bit", [False, True])
def test_a_line_of_a_hundred_thousand_characters_is_folded(eight_bit: bool) -> None:
    html = "<p>" + "ä☃x" * 33_000 + "</p>"
    data = build_mime(make_message(text="t", html=html), now=NOW, eight_bit=eight_bit)
    check_lines(data)
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert read_body(mail, "html") == html + "\n"


def test_bodies_are_seven_bit_unless_eight_bit_is_offered() -> None:
    message = make_message(text="Grüße", html="<p>Grüße</p>")
    assert build_mime(message, now=NOW).isascii()
    offered = build_mime(message, now=NOW, eight_bit=True)
    assert "Grüße".encode() in offered
    check_lines(offered)


def test_lines_that_begin_with_a_dot_or_from_stay_as_they_are() -> None:
    text = ".\n..\n.hidden\nFrom here\n\nend\n"
    assert read_body(build_and_parse(text=text)) == text


@pytest.mark.parametrize("newline", ["\r", "\r\n", "\n"])
def test_every_kind_of_newline_leaves_as_crlf(newline: str) -> None:
    assert read_body(build_and_parse(text=f"a{newline}b{newline}")) == "a\nb\n"


def test_an_empty_text_is_a_valid_mail() -> None:
    assert read_body(build_and_parse(text="", html="")).strip() == ""


def test_a_long_subject_in_many_scripts_survives_folding() -> None:
    subject = "Ваш заказ №1812 готов — 注文の準備ができました 🎉 " * 8
    data = build_mime(make_message(subject=subject.strip()), now=NOW)
    head = data.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert max(len(line) for line in head.split(b"\r\n")) <= 78
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert mail["Subject"] == subject.strip()


def test_a_long_ascii_subject_is_folded_at_words() -> None:
    subject = "  several   words " * 20
    data = build_mime(make_message(subject=subject.strip()), now=NOW)
    assert max(len(line) for line in data.split(b"\r\n")) <= 78
    assert b"\r\n \r\n" not in data
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert mail["Subject"] == subject.strip()


def test_a_long_url_in_list_unsubscribe_stays_whole_on_the_first_line() -> None:
    value = f"<https://example.org/unsubscribe/{'a' * 300}>"
    data = build_mime(make_message(headers={"List-Unsubscribe": value}), now=NOW)
    assert f"\r\nList-Unsubscribe: {value}\r\n".encode() in data


def test_an_encoded_word_in_a_subject_shows_as_it_was_written() -> None:
    subject = "=?utf-8?q?=0D=0ABcc:_eve=40example.org?="
    assert build_and_parse(subject=subject)["Subject"] == subject


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Müller & Söhne <info@example.org>", "Müller & Söhne"),
        ('"Acme, Inc." <info@example.org>', "Acme, Inc."),
        ("info@example.org", ""),
    ],
)
def test_a_sender_keeps_its_name(sender: str, name: str) -> None:
    expected = Address(display_name=name, addr_spec="info@example.org")
    assert build_and_parse(sender=sender)["From"].addresses == (expected,)


def test_a_long_sender_name_is_folded_into_short_encoded_words() -> None:
    name = "日本語の名前がとても長いのでヘッダーは折り返される必要があります"
    data = build_mime(make_message(sender=f"{name} <info@example.org>"), now=NOW)
    assert max(len(line) for line in data.split(b"\r\n")) <= 78
    # Python 3.11's newer parser wrongly keeps the spaces between encoded words of a name.
    raw = email.message_from_bytes(data, policy=email.policy.compat32)["From"]
    assert str(make_header(decode_header(raw))) == f"{name} <info@example.org>"


def test_an_international_domain_is_written_in_ascii() -> None:
    assert build_and_parse(recipient="ada@bücher.example")["To"] == "ada@xn--bcher-kva.example"


def test_the_messages_own_headers_replace_ours_by_name() -> None:
    mail = build_and_parse(headers={"auto-submitted": "no", "X-Correlation-ID": "c-1"})
    assert mail.get_all("Auto-Submitted") == ["no"]
    assert mail["X-Correlation-ID"] == "c-1"


@pytest.mark.parametrize(
    "control", ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\ud800"]
)
@pytest.mark.parametrize("place", ["subject", "header", "sender", "message_id"])
def test_a_line_break_in_a_header_is_refused(control: str, place: str) -> None:
    evil = f"x{control}Bcc: eve@example.org"
    places: dict[str, dict[str, Any]] = {
        "subject": {"subject": evil},
        "header": {"headers": {"X-Any": evil}},
        "sender": {"sender": f"{evil} <noreply@example.org>"},
        "message_id": {"message_id": evil},
    }
    with pytest.raises(Permanent) as caught:
        build_mime(make_message(**places[place]), now=NOW)
    assert caught.value.code == "invalid_header"
    assert "eve" not in caught.value.message


@pytest.mark.parametrize("name", ["Bcc", "to", "Content-Type", "X: y", "X\r\nBcc", "", "Ünï"])
def test_a_header_that_is_not_the_callers_is_refused(name: str) -> None:
    with pytest.raises(Permanent, match="not allowed") as caught:
        build_mime(make_message(headers={name: "x"}), now=NOW)
    assert caught.value.code == "invalid_header"


def test_a_header_without_spaces_that_is_too_long_is_refused() -> None:
    with pytest.raises(Permanent) as caught:
        build_mime(make_message(headers={"X-Any": "a" * 2000}), now=NOW)
    assert caught.value.code == "invalid_header"


@pytest.mark.parametrize(
    "recipient",
    [
        "a@x.org, b@y.org", "a@x.org;b@y.org", '"a" <a@x.org>,b@y.org', "Ada <a@x.org>", "a",
        "", "a@", "@x.org", "a@x.org\r\nRCPT TO:<b@y.org>", "a b@x.org", "a@x.org b@y.org",
        "<a@x.org>", "a@@x.org", "a@x..org", "a@[127.0.0.1]", "a@x.org>", "a@x_.", "a@-x.org",
        "a@\u2028.org",
    ],
)  # fmt: skip
def test_anything_but_one_bare_recipient_is_refused(recipient: str) -> None:
    with pytest.raises(Permanent) as caught:
        build_mime(make_message(recipient=recipient), now=NOW)
    assert caught.value.code == "invalid_recipient"


@pytest.mark.parametrize("sender", ["", "nobody", "a@x.org, b@y.org", "Acme, Inc. <a@x.org>"])
def test_a_sender_that_is_not_one_mailbox_is_our_misconfiguration(sender: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        build_mime(make_message(sender=sender), now=NOW)
    assert caught.value.code == "invalid_sender"


def test_a_lone_surrogate_in_the_text_is_refused() -> None:
    with pytest.raises(Permanent) as caught:
        build_mime(make_message(text="\ud800"), now=NOW)
    assert caught.value.code == "invalid_content"


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("plain", False, "7bit"),
        ("ünïcode", True, "8bit"),
        ("ünïcode in mostly plain text", False, "quoted-printable"),
        ("только кириллица " * 20, False, "base64"),
        ("x" * LINE_LIMIT, False, "7bit"),
        ("x" * (LINE_LIMIT + 1), True, "quoted-printable"),
    ],
)
def test_a_body_is_encoded_only_where_it_has_to_be(
    text: str, eight_bit: bool, encoding: str
) -> None:
    data = build_mime(make_message(text=text), now=NOW, eight_bit=eight_bit)
    check_lines(data)
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert mail["Content-Transfer-Encoding"] == encoding
    assert read_body(mail) == f"{text}\n"


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r")))
def test_any_text_arrives_as_it_was(text: str) -> None:
    for eight_bit in (True, False):
        data = build_mime(
            make_message(text=text, html=f"<p>{text}</p>"), now=NOW, eight_bit=eight_bit
        )
        check_lines(data)
        mail = email.message_from_bytes(data, policy=email.policy.default)
        assert read_body(mail).removesuffix("\n") == text.removesuffix("\n")
        assert read_body(mail, "html") == f"<p>{text}</p>\n"
