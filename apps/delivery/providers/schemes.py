"""The provider URLs that Notifier understands: their channels, their parts, their options."""

from dataclasses import dataclass

from apps.delivery.providers.contract import Channel
from apps.delivery.providers.esp_settings import ESPS, Esp

EMAIL: frozenset[Channel] = frozenset({"email"})
PUSH: frozenset[Channel] = frozenset({"push"})
HTTP_OPTIONS = frozenset({"endpoint", "timeout"})
SMTP_OPTIONS = frozenset({"timeout", "tls_verify", "ca_file", "helo"})

# The options that take one of a few words; every other one takes any text.
OPTION_WORDS = {"tls": ("starttls", "none"), "tls_verify": ("true", "false")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What a URL of one scheme must and may have; `shape` is shown where it does not."""

    channels: frozenset[Channel]
    shape: str
    required: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    required_options: frozenset[str] = frozenset()


def _describe_esp(scheme: str, esp: Esp) -> Scheme:
    parts = {"username": True, "password": esp.password, "path": esp.path}
    secret = ":SECRET" if esp.password else ""
    endpoint = "?endpoint=https://…" if esp.needs_endpoint else ""
    return Scheme(
        channels=EMAIL,
        shape=f"{scheme}://KEY{secret}@/{(esp.path or '').replace('_', '-')}{endpoint}",
        required=frozenset(part for part, wanted in parts.items() if wanted),
        options=HTTP_OPTIONS | esp.options | ({"webhook_key"} if esp.webhook else frozenset()),
        required_options=frozenset({"endpoint"}) if esp.needs_endpoint else frozenset(),
    )


SCHEMES: dict[str, Scheme] = {
    "smtp": Scheme(
        channels=EMAIL,
        shape="smtp://user:password@host:587?tls=starttls (or tls=none)",
        required=frozenset({"host"}),
        allowed=frozenset({"username", "password", "port"}),
        options=SMTP_OPTIONS | {"tls"},
    ),
    "smtps": Scheme(
        channels=EMAIL,
        shape="smtps://user:password@host:465",
        required=frozenset({"host"}),
        allowed=frozenset({"username", "password", "port"}),
        options=SMTP_OPTIONS,
    ),
    "ses": Scheme(
        channels=EMAIL,
        shape="ses://ACCESS_KEY_ID:SECRET@/eu-west-1",
        required=frozenset({"username", "password", "path"}),
        options=HTTP_OPTIONS | {"configuration_set", "webhook_key", "topic"},
    ),
    "fcm": Scheme(
        channels=PUSH,
        shape="fcm:///path/service-account.json",
        required=frozenset({"path"}),
        options=HTTP_OPTIONS,
    ),
    "onesignal": Scheme(
        channels=PUSH,
        shape="onesignal://KEY@/app-id",
        required=frozenset({"username", "path"}),
        options=HTTP_OPTIONS,
    ),
    "capture": Scheme(channels=EMAIL | PUSH, shape="capture://"),
    **{scheme: _describe_esp(scheme, esp) for scheme, esp in ESPS.items()},
}
