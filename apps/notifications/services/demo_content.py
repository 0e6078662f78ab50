"""The templates of the demo, which show what templates can, and the order to begin with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.templates.services import NewVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTemplate:
    """A template with its versions, the default language first."""

    code: str
    channel: str
    name: str
    versions: tuple[NewVersion, ...]
    kind: str = "transactional"


_PAGE = """<!doctype html>
<html lang="[language]">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>[title]</title>
<style>
  body { margin: 0; padding: 0; background: #eef1f6; color: #1f2937;
         font-family: -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
  .outer { width: 100%; background: #eef1f6; }
  .card { width: 100%; max-width: 560px; background: #ffffff; border-radius: 12px; }
  .head { padding: 28px 40px 0; font-size: 15px; font-weight: 600; color: #4f46e5; }
  .body { padding: 12px 40px 36px; font-size: 16px; line-height: 1.6; }
  h1 { margin: 0 0 12px; font-size: 26px; line-height: 1.25; color: #111827; }
  .button { display: inline-block; margin: 12px 0 20px; padding: 14px 28px; border-radius: 8px;
            background: #4f46e5; color: #ffffff; font-weight: 600; text-decoration: none; }
  .small { padding: 20px 16px 36px; font-size: 13px; line-height: 1.5; color: #6b7280; }
  @media (max-width: 480px) {
    .head { padding: 24px 24px 0 !important; }
    .body { padding: 12px 24px 28px !important; }
    .button { display: block !important; text-align: center !important; }
  }
  @media (prefers-color-scheme: dark) {
    body, .outer { background: #111827 !important; }
    .card { background: #1f2937 !important; }
    h1, .body { color: #f3f4f6 !important; }
  }
</style>
</head>
<body>
<table role="presentation" class="outer" cellpadding="0" cellspacing="0"><tr>
<td align="center" style="padding: 32px 12px 0;">
<table role="presentation" class="card" cellpadding="0" cellspacing="0">
<tr><td class="head">Notifier</td></tr>
<tr><td class="body">
<h1>[title]</h1>
<p>[opening]</p>
<a class="button" href="{{ link }}">[button]</a>
<p>[closing]</p>
</td></tr>
</table>
<p class="small">[footer]</p>
</td></tr></table>
</body>
</html>
"""


def _build_page(**words: str) -> str:
    page = _PAGE
    for place, text in words.items():
        page = page.replace(f"[{place}]", text)
    return page


_WELCOME = DemoTemplate(
    code="welcome",
    channel="email",
    name="Welcome",
    versions=(
        NewVersion(
            language="en",
            content={
                "subject": "Welcome, {{ name }}",
                "html": _build_page(
                    language="en",
                    title="Welcome, {{ name }}!",
                    opening="Your account is ready. One click, and you are in.",
                    button="Get started",
                    closing="If you did not create this account, you need not do anything.",
                    footer="You receive this mail because an account was created for you.",
                ),
            },
            sample_variables={"name": "Ada", "link": "https://example.org/start"},
        ),
        NewVersion(
            language="pt-BR",
            content={
                "subject": "Boas-vindas, {{ name }}",
                "html": _build_page(
                    language="pt-BR",
                    title="Boas-vindas, {{ name }}!",
                    opening="Sua conta está pronta. É só um clique para entrar.",
                    button="Começar",
                    closing="Se você não criou esta conta, não é preciso fazer nada.",
                    footer="Você recebe este e-mail porque uma conta foi criada para você.",
                ),
            },
            sample_variables={"name": "Grace", "link": "https://example.org/comecar"},
        ),
    ),
)

_PASSWORD_RESET = DemoTemplate(
    code="password-reset",
    channel="email",
    name="Password reset",
    versions=(
        NewVersion(
            language="en",
            content={
                "subject": "Reset your password",
                "text": (
                    "Hello {{ name }},\n\n"
                    "somebody asked for a new password for your account. If it was you, choose\n"
                    "one here within {{ minutes | default: 30 }} minutes:\n\n"
                    "{{ link }}\n\n"
                    "If it was not you, ignore this mail: your password stays as it is.\n"
                ),
            },
            sample_variables={"name": "Ada", "link": "https://example.org/reset/1", "minutes": 30},
        ),
    ),
)

_ORDER_SHIPPED = DemoTemplate(
    code="order-shipped",
    channel="push",
    name="Order shipped",
    versions=(
        NewVersion(
            language="en",
            content={
                "title": "Your order is on its way",
                "body": "{{ name }}, order {{ order }} arrives {{ day | default: 'soon' }}.",
                "image": "https://example.org/images/parcel.png",
                "link": "https://example.org/orders/{{ order | url_encode }}",
                "data": {"order": "{{ order }}", "screen": "order"},
            },
            sample_variables={"name": "Ada", "order": "1812", "day": "tomorrow"},
        ),
        NewVersion(
            language="pt-BR",
            content={
                "title": "Seu pedido está a caminho",
                "body": "{{ name }}, o pedido {{ order }} chega {{ day | default: 'em breve' }}.",
                "image": "https://example.org/images/parcel.png",
                "link": "https://example.org/orders/{{ order | url_encode }}",
                "data": {"order": "{{ order }}", "screen": "order"},
            },
            sample_variables={"name": "Grace", "order": "1812", "day": "amanhã"},
        ),
    ),
)

_NEWSLETTER = DemoTemplate(
    code="newsletter",
    channel="email",
    name="Newsletter",
    kind="marketing",
    versions=(
        NewVersion(
            language="en",
            content={
                "subject": "{{ name }}, what is new in {{ month }}",
                "html": _build_page(
                    language="en",
                    title="What is new in {{ month }}",
                    opening="Hello {{ name }}, three things that we have made for you.",
                    button="Read on",
                    closing="Your mail program offers to unsubscribe: one click, and it is done.",
                    footer="You receive this mail because you asked for our news.",
                ),
            },
            sample_variables={
                "name": "Ada",
                "month": "May",
                "link": "https://example.org/news",
            },
        ),
        NewVersion(
            language="pt-BR",
            content={
                "subject": "{{ name }}, as novidades de {{ month }}",
                "html": _build_page(
                    language="pt-BR",
                    title="As novidades de {{ month }}",
                    opening="Olá, {{ name }}! Três coisas que fizemos para você.",
                    button="Ler mais",
                    closing="Seu programa de e-mail permite sair da lista com um clique.",
                    footer="Você recebe este e-mail porque pediu nossas novidades.",
                ),
            },
            sample_variables={
                "name": "Grace",
                "month": "maio",
                "link": "https://example.org/novidades",
            },
        ),
    ),
)

TEMPLATES = (_WELCOME, _PASSWORD_RESET, _ORDER_SHIPPED, _NEWSLETTER)

# The order that the welcome screen shows as a curl.
FIRST_ORDER: Mapping[str, Any] = {
    "notification_type": "email",
    "to": {"email": "ada@example.org"},
    "template_code": "welcome",
    "variables": {"name": "Ada", "link": "https://example.org/start"},
}
