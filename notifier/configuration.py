"""The settings that the environment gives (spec section 6): names, defaults, meanings, checks.

One table serves the start (`read_configuration`), `manage.py config` and the docs.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notifier.production import find_leftover
from notifier.quotas import parse_quota
from notifier.setting_values import (
    MIN_SECRET_LENGTH,
    as_database,
    as_list,
    as_origins,
    as_secret,
    as_secrets,
    as_switch,
    as_text,
    as_web_address,
    integer,
    number,
    one_of,
    url_of,
)

DEVELOPMENT, STAGING, PRODUCTION = "development", "staging", "production"


class InvalidSetting(Exception):
    """A setting cannot work; the message is one line that names it and says what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One variable of the environment. `default` is the text one would have written."""

    name: str
    meaning: str
    parse: Callable[[str], Any]
    expected: str
    default: str = ""
    secret: bool = False
    generated: bool = False  # made into var/ where it is missing, required in production


_SECONDS = "a number of seconds"
_PROVIDERS = (
    "comma-separated provider URLs, for example smtp://user:password@host:587?tls=starttls"
)


def _quota(name: str, meaning: str, default: str) -> Setting:
    expected = "a count and a time such as 100/15m (s, m, h, d), or off"
    return Setting(
        name=name, meaning=meaning, parse=parse_quota, expected=expected, default=default
    )


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="NOTIFIER_ENV",
        meaning="Which kind of installation this is; staging and production want real secrets",
        parse=one_of(DEVELOPMENT, STAGING, PRODUCTION),
        expected="development, staging or production",
        default=DEVELOPMENT,
    ),
    Setting(
        name="SECRET_KEY",
        meaning="Signs cookies and tokens of pages",
        parse=as_secret,
        expected=f"at least {MIN_SECRET_LENGTH} random characters",
        secret=True,
        generated=True,
    ),
    Setting(
        name="JWT_SIGNING_KEY",
        meaning="Signs access and refresh tokens; keys after the first are old and only verify",
        parse=as_secrets,
        expected=f"at least {MIN_SECRET_LENGTH} random characters, or several such by commas",
        secret=True,
        generated=True,
    ),
    Setting(
        name="FIELD_ENCRYPTION_KEYS",
        meaning="Encrypt personal data in the database; the first encrypts, all of them decrypt",
        parse=as_secrets,
        expected=f"comma-separated keys of at least {MIN_SECRET_LENGTH} random characters each",
        secret=True,
        generated=True,
    ),
    Setting(
        name="DATABASE_URL",
        meaning="PostgreSQL for servers; SQLite for one process",
        parse=as_database,
        expected="postgres://user:password@host:5432/name or sqlite:///path",
        default="sqlite:///{var}/notifier.sqlite3",
        secret=True,
    ),
    Setting(
        name="BROKER_URL",
        meaning="RabbitMQ; memory:// lives inside one process",
        parse=url_of("amqp", "amqps", "memory"),
        expected="amqp://user:password@host:5672//, amqps://… or memory://",
        default="memory://",
        secret=True,
    ),
    Setting(
        name="CACHE_URL",
        meaning="Redis; empty keeps the cache inside the process",
        parse=url_of("redis", "rediss"),
        expected="redis://host:6379/0 or rediss://…",
        secret=True,
    ),
    Setting(
        name="RABBITMQ_QUEUE_TYPE",
        meaning="Kind of the queues; classic has no limit to redeliveries",
        parse=one_of("quorum", "classic"),
        expected="quorum or classic",
        default="quorum",
    ),
    Setting(
        name="EMAIL_PROVIDERS",
        meaning="E-mail providers in failover order",
        parse=as_text,
        expected=_PROVIDERS,
        default="capture://",
        secret=True,
    ),
    Setting(
        name="PUSH_PROVIDERS",
        meaning="Push providers in failover order",
        parse=as_text,
        expected="comma-separated provider URLs, for example fcm:///path/service-account.json",
        default="capture://",
        secret=True,
    ),
    Setting(
        name="DEFAULT_FROM_EMAIL",
        meaning="Sender of every mail",
        parse=as_text,
        expected="an address, or `Name <address>`",
        default="Notifier <notifier@localhost.localdomain>",
    ),
    Setting(
        name="PUBLIC_URL",
        meaning="Where people reach this installation: links in mails begin with it",
        parse=as_web_address,
        expected="an address such as https://notify.example.org",
        default="http://127.0.0.1:8000",
    ),
    Setting(
        name="ALLOWED_HOSTS",
        meaning="Host names that the API answers to",
        parse=as_list,
        expected="comma-separated host names",
        default="localhost,127.0.0.1,[::1]",
    ),
    Setting(
        name="CORS_ALLOWED_ORIGINS",
        meaning="Web origins whose pages may call the API",
        parse=as_origins,
        expected="comma-separated origins such as https://app.example.org",
    ),
    Setting(
        name="TRUSTED_PROXY_COUNT",
        meaning="How many proxies in front append to X-Forwarded-For",
        parse=integer(at_least=0, at_most=10),
        expected="a whole number from 0 to 10",
        default="0",
    ),
    _quota("RATE_LIMIT_ANON", "Requests of one address without right credentials", "100/15m"),
    _quota("RATE_LIMIT_USER", "Requests of one signed-in person", "3000/m"),
    _quota("RATE_LIMIT_KEY", "Requests with one API key", "600000/m"),
    _quota("RATE_LIMIT_LOGIN", "Failed sign-ins of one address, and to one account", "10/15m"),
    _quota("RATE_LIMIT_RECIPIENT", "Notifications that people cause to one recipient", "100/h"),
    _quota("RATE_LIMIT_KEY_RECIPIENT", "Notifications that API keys cause to one", "off"),
    Setting(
        name="API_DOCS",
        meaning="Who sees the API's schema and docs; auto is everybody in development alone",
        parse=one_of("auto", "public", "private"),
        expected="auto, public or private",
        default="auto",
    ),
    Setting(
        name="REGISTRATION_OPEN",
        meaning="May strangers register as members of the default organization",
        parse=as_switch,
        expected="true or false",
        default="true",
    ),
    Setting(
        name="CONTENT_RETENTION_DAYS",
        meaning="Days until content and variables of what is over are emptied; 0 keeps them",
        parse=integer(at_least=0, at_most=36_500),
        expected="a whole number from 0 to 36500",
        default="90",
    ),
    Setting(
        name="LEDGER_RETENTION_DAYS",
        meaning="Days until notifications that are over are deleted; 0 keeps them",
        parse=integer(at_least=0, at_most=36_500),
        expected="a whole number from 0 to 36500",
        default="0",
    ),
    Setting(
        name="AUDIT_RETENTION_DAYS",
        meaning="How long the audit log is kept; the database refuses to delete younger entries "
        "than 30 days",
        parse=integer(at_least=30, at_most=36_500),
        expected="a whole number from 30 to 36500",
        default="730",
    ),
    Setting(
        name="RETRY_MAX",
        meaning="Retries after a first failed attempt",
        parse=integer(at_least=0, at_most=20),
        expected="a whole number from 0 to 20",
        default="3",
    ),
    Setting(
        name="RETRY_BASE_SECONDS",
        meaning="Base of the exponential wait: base ** attempt",
        parse=number(at_least=0.01, at_most=60),
        expected=f"{_SECONDS} from 0.01 to 60",
        default="2",
    ),
    Setting(
        name="RETRY_CAP_SECONDS",
        meaning="Longest wait between two attempts",
        parse=number(at_least=0.01, at_most=86400),
        expected=f"{_SECONDS} up to 86400",
        default="300",
    ),
    Setting(
        name="BREAKER_THRESHOLD",
        meaning="Failures of a provider in a row after which it is left alone",
        parse=integer(at_least=1, at_most=1000),
        expected="a whole number from 1 to 1000",
        default="5",
    ),
    Setting(
        name="BREAKER_RESET_SECONDS",
        meaning="How long a failing provider is left alone before one trial",
        parse=number(at_least=0.1, at_most=3600),
        expected=f"{_SECONDS} from 0.1 to 3600",
        default="30",
    ),
    Setting(
        name="SEND_LEASE_SECONDS",
        meaning="How long a worker may hold a notification before it counts as lost",
        parse=number(at_least=1, at_most=3600),
        expected=f"{_SECONDS} from 1 to 3600",
        default="60",
    ),
    Setting(
        name="LOG_FORMAT",
        meaning="Shape of the log lines",
        parse=one_of("json", "console"),
        expected="json or console",
        default="console",
    ),
    Setting(
        name="LOG_LEVEL",
        meaning="Least severity that is logged",
        parse=one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        expected="DEBUG, INFO, WARNING or ERROR",
        default="INFO",
    ),
)


def read_configuration(environment: Mapping[str, str], *, var: Path) -> dict[str, Any]:
    """Return every setting parsed; raise InvalidSetting for the first that cannot work."""
    env_kind = environment.get("NOTIFIER_ENV") or DEVELOPMENT
    generated = [setting.name for setting in SETTINGS if setting.generated]
    if env_kind != DEVELOPMENT and (
        leftover := find_leftover(environment, secrets=generated, var=var)
    ):
        raise InvalidSetting(leftover)
    return {
        setting.name: _read(setting, environment, var=var, env_kind=env_kind)
        for setting in SETTINGS
    }


def _read(setting: Setting, environment: Mapping[str, str], *, var: Path, env_kind: str) -> Any:
    given = environment.get(setting.name, "")
    if not given and setting.generated:
        if env_kind != DEVELOPMENT:
            raise InvalidSetting(f"{setting.name} is required in {env_kind}: {setting.expected}")
        given = _generated_secret(var / setting.name.lower())
    text = given or setting.default.replace("{var}", str(var))
    try:
        return setting.parse(text)
    except (ValueError, KeyError) as error:
        shown = "the given value" if setting.secret else repr(text)
        raise InvalidSetting(
            f"{setting.name}: expected {setting.expected}, not {shown}"
        ) from error


def _generated_secret(path: Path) -> str:
    """Return the development secret kept in `path`, made at the first start."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):  # another process was first: its secret is everybody's
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text().strip()
