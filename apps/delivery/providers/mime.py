"""A mail as the bytes that go over the wire (RFC 5322, MIME), and what its headers may hold."""

import re
from collections.abc import Mapping
from email.header import Header
from email.utils import formataddr, formatdate
from functools import lru_cache

from apps.delivery.providers.addresses import (
    Address,
    InvalidAddress,
    parse_address,
    parse_mailbox,
)
from apps.delivery.providers.contract import EmailMessage, Misconfigured, NotHosted, Permanent
from apps.delivery.providers.mime_body import LINE_LIMIT, build_body

CRLF = "\r\n"
FOLD_AT = 78  # the same section's wish
HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
# Line breaks as any parser may see them: the C0 and C1 controls save the tab, and U+2028, U+2029.
FORBIDDEN = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
OUR_HEADERS = frozenset({"from", "to", "cc", "bcc", "sender", "subject", "date", "message-id"})


def build_mime(message: EmailMessage, *, now: float, eight_bit: bool = False) -> bytes:
    """The whole message with CRLF line ends, none of its lines longer than 998 octets.

    `now` is the Date in seconds since 1970. `eight_bit` allows bodies that need 8BITMIME
    (RFC 6152). The To header is UTF-8 where the recipient needs SMTPUTF8 (RFC 6532).
    Raises Permanent (invalid_header, invalid_recipient, invalid_content, template_not_hosted) or
    Misconfigured.
    """
    require_own_parts(message)
    headers = {"Subject": message.subject, "Date": _write_date(int(now))}
    headers |= collect_headers(message)
    lines = [
        _write_from(read_sender(message)),
        f"To: {read_recipient(message)}",
        *(_write_header(name, value) for name, value in headers.items()),
    ]
    block = "".join(line + CRLF for line in lines).encode()
    if len(block) > LINE_LIMIT and any(len(line) > LINE_LIMIT for line in block.split(b"\r\n")):
        raise Permanent("a header is too long to be sent in one line", code="invalid_header")
    return block + build_body(text=message.text, html=message.html, eight_bit=eight_bit)


def collect_headers(message: EmailMessage) -> dict[str, str]:
    """Our headers and the message's own, without From, To, Date and Subject; all are checked.

    The message's own replace ours, save those that say who writes to whom, and MIME's.
    """
    headers = {
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's autoresponder answers
        "X-Auto-Response-Suppress": "All",  # the same for Exchange
        "X-Notification-ID": message.notification_id,
    }
    ours = {name.lower(): name for name in headers}
    for name, value in message.headers.items():
        _check_own_header(name)
        headers[ours.get(name.lower(), name)] = value
    if FORBIDDEN.search("".join([*headers.values(), message.subject])):
        _refuse_forbidden({**headers, "Subject": message.subject})
    return headers


def _refuse_forbidden(headers: Mapping[str, str]) -> None:
    name = next(name for name, value in headers.items() if FORBIDDEN.search(value))
    raise Permanent(
        f"the {name} header holds a line break or another control character",
        code="invalid_header",
    )


def require_own_parts(message: EmailMessage) -> None:
    """Raise NotHosted (template_not_hosted) where all that is named is a provider's template."""
    if message.is_hosted_alone:
        hosts = ", ".join(sorted(message.hosted))
        words = f"only a template at {hosts} was named, and this provider does not keep it"
        raise NotHosted(words, code="template_not_hosted")


def read_recipient(message: EmailMessage) -> Address:
    """The recipient, exactly one; raises Permanent (invalid_recipient)."""
    try:
        return parse_address(message.recipient)
    except InvalidAddress as exc:
        raise Permanent(f"the recipient is {exc}", code="invalid_recipient") from exc


def read_sender(message: EmailMessage) -> Address:
    """Who it is from: one mailbox, or it is our own settings that are wrong."""
    return _parse_sender(message.sender)


@lru_cache(maxsize=16)
def _parse_sender(text: str) -> Address:
    """The same for all mails: the standard library's parser takes as long as all the rest."""
    if FORBIDDEN.search(text):
        raise Permanent("the From header holds a control character", code="invalid_header")
    try:
        sender = parse_mailbox(text)
    except InvalidAddress as exc:
        raise Misconfigured(f"the sender is {exc}", code="invalid_sender") from exc
    if sender.needs_smtputf8:
        raise Misconfigured("the sender's address must be ASCII", code="invalid_sender")
    return sender


@lru_cache(maxsize=100)
def _check_own_header(name: str) -> None:
    reserved = name.lower() in OUR_HEADERS or name.lower().startswith(("content-", "mime-"))
    if reserved or not HEADER_NAME.fullmatch(name):
        raise Permanent("a header has a name that is not allowed", code="invalid_header")


@lru_cache(maxsize=4)
def _write_date(now: int) -> str:
    """The same for all mails of a second."""
    return formatdate(now)


@lru_cache(maxsize=16)
def _write_from(sender: Address) -> str:
    if _needs_encoded_words(sender.display_name):
        return f"{_encode_words('From', sender.display_name)} <{sender}>"
    return _fold("From", formataddr((sender.display_name, str(sender))))


def _write_header(name: str, value: str) -> str:
    return _encode_words(name, value) if _needs_encoded_words(value) else _fold(name, value)


def _needs_encoded_words(value: str) -> bool:
    """Also true of text that would be taken for an encoded word, so that it shows as written."""
    return not value.isascii() or "=?" in value


def _encode_words(name: str, value: str) -> str:
    """RFC 2047, each line short enough."""
    return f"{name}: {Header(value, 'utf-8', header_name=name).encode(linesep=CRLF)}"


def _fold(name: str, value: str) -> str:
    """Break an ASCII header before words; a longer word, such as a URL, stays whole.

    The standard library's own folding would turn such a word into encoded words, which
    nobody decodes in List-Unsubscribe, or leave the first line empty.
    """
    lines, words = [f"{name}:"], value.strip()
    if words and len(name) + len(": ") + len(words) <= FOLD_AT:
        return f"{name}: {words}"
    for word in re.findall(r"\s+\S+", f" {words}"):
        if len(lines[-1]) + len(word) <= FOLD_AT or lines == [f"{name}:"]:
            lines[-1] += word
        else:
            lines.append(word)
    return CRLF.join(lines)
