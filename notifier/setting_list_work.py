"""The settings of how an installation works: limits, retention, retries, logs."""

from notifier.quotas import parse_quota
from notifier.setting import Setting
from notifier.setting_values import (
    as_collector,
    as_listener,
    as_switch,
    integer,
    number,
    one_of,
)

_SECONDS = "a number of seconds"


def _quota(name: str, meaning: str, default: str) -> Setting:
    expected = "a count and a time such as 100/15m (s, m, h, d), or off"
    return Setting(
        name=name, meaning=meaning, parse=parse_quota, expected=expected, default=default
    )


WORK_SETTINGS: tuple[Setting, ...] = (
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
        name="EMAIL_AT_ONCE",
        meaning=(
            "Mails that one worker process hands over at the same time while its provider takes"
            " longer than 5 ms for one, each over a connection of its own: all processes together"
            " must stay below what the provider allows"
        ),
        parse=integer(at_least=1, at_most=50),
        expected="a whole number from 1 to 50",
        default="4",
    ),
    Setting(
        name="PUSH_AT_ONCE",
        meaning="Pushes that one worker process hands over at the same time",
        parse=integer(at_least=1, at_most=250),
        expected="a whole number from 1 to 250",
        default="100",
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
    Setting(
        name="METRICS_LISTEN",
        meaning="Where relay, workers and dead letters show their metrics; the web has /metrics",
        parse=as_listener,
        expected="an address and a port such as 0.0.0.0:9464",
    ),
    Setting(
        name="OTEL_EXPORTER_OTLP_ENDPOINT",
        meaning="The collector that traces are sent to (OTLP over HTTP); empty traces nothing",
        parse=as_collector,
        expected="an address such as http://collector:4318",
    ),
)
