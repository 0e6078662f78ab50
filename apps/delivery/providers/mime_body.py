"""The body of a mail: its text, and its HTML as the alternative, encoded for the wire.

By hand, because the standard library's content manager takes forty times as long and most of what
a worker does is this. What it writes is RFC 2045 and RFC 2046, and parsed back by the tests.
"""

import base64
import binascii
import re
import secrets

from apps.delivery.providers.contract import Permanent

LINE_LIMIT = 998  # octets without CRLF, RFC 5322 section 2.1.1
_ANY_NEWLINE = re.compile(r"\r\n|\r|\n")
_LONG_QUOTED = re.compile(rb"[^\r\n]{77}")  # RFC 2045 section 6.7, rule 5
_LONG_LINE = re.compile(rb"[^\n]{%d}" % (LINE_LIMIT + 2))  # with its CR


def build_body(*, text: str, html: str, eight_bit: bool) -> bytes:
    """Return the MIME headers and the body, with CRLF line ends, no line over 998 octets.

    Lines stay as they are where that is possible, so that a signature (DKIM) survives relays.
    Raises Permanent (invalid_content) for text that is not Unicode.
    """
    plain = _write_part("plain", text, eight_bit=eight_bit)
    if not html:
        return b"MIME-Version: 1.0\r\n" + plain
    # No line of an encoded part begins like that, and 128 random bits are in no other.
    boundary = b"=_" + secrets.token_hex(16).encode()
    rich = _write_part("html", html, eight_bit=eight_bit)
    # The whole is labelled as its parts are, RFC 2045 section 6.4.
    label = b"7bit" if (plain + rich).isascii() else b"8bit"
    return (
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="%b"\r\n'
        b"Content-Transfer-Encoding: %b\r\n\r\n"
        b"--%b\r\n%b\r\n--%b\r\n%b\r\n--%b--\r\n"
    ) % (boundary, label, boundary, plain, boundary, rich, boundary)


def _write_part(subtype: str, content: str, *, eight_bit: bool) -> bytes:
    encoding, data = _encode(_to_lines(content), eight_bit=eight_bit)
    header = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: '
    return b"%b%b\r\n\r\n%b" % (header.encode(), encoding, data)


def _to_lines(content: str) -> bytes:
    """Return UTF-8 with CRLF after every line, the last one included."""
    # Nearly all are without a CR, and take a tenth of the time.
    is_mixed = "\r" in content
    lines = _ANY_NEWLINE.sub("\r\n", content) if is_mixed else content.replace("\n", "\r\n")
    if lines and not lines.endswith("\r\n"):
        lines += "\r\n"
    try:
        return lines.encode()
    except UnicodeEncodeError as error:
        raise Permanent("the text is not valid Unicode", code="invalid_content") from error


def _encode(data: bytes, *, eight_bit: bool) -> tuple[bytes, bytes]:
    if not _LONG_LINE.search(data):
        if data.isascii():
            return b"7bit", data
        if eight_bit:
            return b"8bit", data
    return _encode_shortest(data)


def _encode_shortest(data: bytes) -> tuple[bytes, bytes]:
    quoted = binascii.b2a_qp(data, istext=True)
    encoded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    # A space at a line's end is quoted after the line was measured.
    if len(quoted) > len(encoded) or _LONG_QUOTED.search(quoted):
        return b"base64", encoded
    return b"quoted-printable", quoted
