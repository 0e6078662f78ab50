"""The mail that every variant sends: both template languages write `{{ name }}` alike."""

TEMPLATE_CODE = "bench-mail"
PUSH_TEMPLATE_CODE = "bench-push"
SUBJECT = "Your order {{ mark }}"
TEXT = (
    "Hello {{ name }},\r\n\r\n"
    + "Thank you for your order. We will tell you when it is on its way.\r\n" * 9
    + "\r\nSee {{ link }}\r\n"
)
HTML = (
    "<html><body><p>Hello {{ name }},</p>"
    + "<p>Thank you for your order. We will tell you when it leaves.</p>" * 9
    + '<p><a href="{{ link }}">Your order</a></p></body></html>'
)
PUSH_TITLE = "Order {{ mark }}"
PUSH_BODY = "Hello {{ name }}, your order is on its way"
# About what the mail above is with its headers: smtp-source sends as much.
MAIL_BYTES = 1_841
SENDER = "bench@example.org"


def build_variables(mark: str) -> dict[str, str]:
    """Return the variables of one mail; the sink finds `mark` in its subject."""
    return {"name": "Ada Lovelace", "link": "https://shop.example.org/orders/1812", "mark": mark}
