"""The settings of where an installation stands: secrets, servers, providers, addresses, doors."""

from notifier.setting import DEVELOPMENT, PRODUCTION, STAGING, Setting
from notifier.setting_values import (
    MIN_SECRET_LENGTH,
    as_database,
    as_list,
    as_origins,
    as_replica,
    as_secret,
    as_secrets,
    as_text,
    as_web_address,
    integer,
    one_of,
)
from notifier.tls_options import as_broker, as_cache

_PROVIDERS = (
    "comma-separated provider URLs, for example smtp://user:password@host:587?tls=starttls"
)

PLACE_SETTINGS: tuple[Setting, ...] = (
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
        name="DATABASE_REPLICA_URL",
        meaning="A streaming replica that lists and statistics are read from while it keeps up",
        parse=as_replica,
        expected="postgres://user:password@host:5432/name",
        secret=True,
    ),
    Setting(
        name="BROKER_URL",
        meaning="RabbitMQ; memory:// lives inside one process",
        parse=as_broker,
        expected="amqp://user:password@host:5672//, amqps://…?ssl_ca_certs=/ca.pem or memory://",
        default="memory://",
        secret=True,
    ),
    Setting(
        name="CACHE_URL",
        meaning="Redis; empty keeps the cache inside the process",
        parse=as_cache,
        expected="redis://host:6379/0 or rediss://…?ssl_ca_certs=/ca.pem",
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
)
