"""Django's settings, read from the environment (every variable: `notifier.configuration`)."""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from apps.delivery.providers.contract import Channel, InvalidProviderUrl
from apps.delivery.providers.urls import ProviderUrl, check_names_differ, parse_provider_urls
from config.admin_menu import describe_admin
from notifier.configuration import DEVELOPMENT, InvalidSetting, read_configuration
from notifier.logging import logging_settings
from notifier.quotas import Quota
from notifier.topology import QueueType

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("NOTIFIER_VAR_DIR") or BASE_DIR / "var")


def _read_providers(name: str, channel: Channel) -> list[ProviderUrl]:
    try:
        return parse_provider_urls(CONFIGURATION[name], channel=channel)
    except InvalidProviderUrl as error:
        raise InvalidSetting(f"{name}: {error}") from error


def _check_provider_names() -> None:
    try:
        check_names_differ(EMAIL_PROVIDER_URLS, PUSH_PROVIDER_URLS)
    except InvalidProviderUrl as error:
        raise InvalidSetting(f"EMAIL_PROVIDERS, PUSH_PROVIDERS: {error}") from error


try:
    CONFIGURATION = read_configuration(os.environ, var=VAR_DIR)
    EMAIL_PROVIDER_URLS = _read_providers("EMAIL_PROVIDERS", "email")
    PUSH_PROVIDER_URLS = _read_providers("PUSH_PROVIDERS", "push")
    _check_provider_names()
except InvalidSetting as error:
    sys.exit(f"notifier: {error}")

NOTIFIER_ENV: str = CONFIGURATION["NOTIFIER_ENV"]
SECRET_KEY: str = CONFIGURATION["SECRET_KEY"]
FIELD_ENCRYPTION_KEYS: tuple[str, ...] = tuple(CONFIGURATION["FIELD_ENCRYPTION_KEYS"])
DEBUG = False
ALLOWED_HOSTS: list[str] = CONFIGURATION["ALLOWED_HOSTS"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # every route answers with and without; a redirected POST loses its body
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "apps.users",  # before Django's, whose `changepassword` it replaces
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "anymail",
    "notifier",
    "apps.templates",
    "apps.notifications",
    "apps.delivery",
]
MIDDLEWARE_OF_ALL = [
    "notifier.correlation.CorrelationMiddleware",
    "notifier.audit_actor.ActorMiddleware",
    "notifier.metrics.HttpMetricsMiddleware",
    # The headers of security come first, so that what answers further down has them too.
    "notifier.web_security.PolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
]
MIDDLEWARE = [
    *MIDDLEWARE_OF_ALL,
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "notifier.page_middleware.PageSessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "notifier.page_middleware.PageUserMiddleware",
    "notifier.page_middleware.PageMessageMiddleware",
    "notifier.page_middleware.PageSignInMiddleware",
]
# Answered without what is only in MIDDLEWARE: see `notifier.api.quick_handler`. GETs begin so.
QUICK_POSTS = [
    f"/api/v1/notifications{channel}{slash}"
    for channel in ("", "/email", "/push")
    for slash in ("", "/")
]
QUICK_READS = ("/api/v1/notifications/", "/api/v1/users/", "/api/v1/templates/")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database ------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": CONFIGURATION["DATABASE_URL"]}
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
if IS_SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",  # no deferred read-to-write upgrade: no instant BUSY
        # FULL, not NORMAL: the 202 is a durable promise, also when the power fails.
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        ),
    }
else:
    # Every wait is bounded, also for a host that vanished; what the URL says wins.
    POSTGRES_WAITS = {
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": "-c lock_timeout=5s -c statement_timeout=30s",
    }
    # Allows preparing, but of itself nothing is: only what asks for it (`notifier.prepared`).
    preparing = {"prepare_threshold": 10**9}
    DATABASES["default"]["OPTIONS"] = (
        POSTGRES_WAITS | preparing | DATABASES["default"].get("OPTIONS", {})
    )
    if replica := CONFIGURATION["DATABASE_REPLICA_URL"]:
        options = POSTGRES_WAITS | {"connect_timeout": 2} | replica.get("OPTIONS", {})
        DATABASES["replica"] = replica | {"CONN_MAX_AGE": None, "OPTIONS": options}
        DATABASE_ROUTERS = ["notifier.replica.ReplicaRouter"]

# --- broker and cache ----------------------------------------------------------------------
BROKER_URL: str = CONFIGURATION["BROKER_URL"]
IS_EMBEDDED = BROKER_URL.startswith("memory:")
RABBITMQ_QUEUE_TYPE: QueueType = CONFIGURATION["RABBITMQ_QUEUE_TYPE"]
CACHE_URL: str = CONFIGURATION["CACHE_URL"]
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
if CACHE_URL:
    CACHES["default"] = {
        "BACKEND": "notifier.cache.ForgivingRedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "notifier",
        "OPTIONS": {"socket_timeout": 0.3, "socket_connect_timeout": 0.3},
    }

# --- accounts ------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = ["apps.users.services.admin_sign_in.RecordingBackend"]
# Django wants the address unique; it is sealed, and its index (`email_key`) is what is unique.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
JWT_SIGNING_KEYS: list[str] = CONFIGURATION["JWT_SIGNING_KEY"]  # the first one signs
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEYS[0],
    "ISSUER": "notifier",
    "AUDIENCE": "notifier-api",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=5),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "USER_ID_CLAIM": "sub",
}
TRUSTED_PROXY_COUNT: int = CONFIGURATION["TRUSTED_PROXY_COUNT"]
RATE_LIMIT_ANON: Quota | None = CONFIGURATION["RATE_LIMIT_ANON"]
RATE_LIMIT_USER: Quota | None = CONFIGURATION["RATE_LIMIT_USER"]
RATE_LIMIT_KEY: Quota | None = CONFIGURATION["RATE_LIMIT_KEY"]
RATE_LIMIT_LOGIN: Quota | None = CONFIGURATION["RATE_LIMIT_LOGIN"]
RATE_LIMIT_RECIPIENT: Quota | None = CONFIGURATION["RATE_LIMIT_RECIPIENT"]
RATE_LIMIT_KEY_RECIPIENT: Quota | None = CONFIGURATION["RATE_LIMIT_KEY_RECIPIENT"]
CONTENT_RETENTION_DAYS: int = CONFIGURATION["CONTENT_RETENTION_DAYS"]
LEDGER_RETENTION_DAYS: int = CONFIGURATION["LEDGER_RETENTION_DAYS"]
AUDIT_RETENTION_DAYS: int = CONFIGURATION["AUDIT_RETENTION_DAYS"]
SESSION_MAX_AGE = timedelta(days=90)  # from sign-in, whatever is refreshed in between
REGISTRATION_OPEN: bool = CONFIGURATION["REGISTRATION_OPEN"]
DEFAULT_ORGANIZATION_SLUG = "default"

# --- API -----------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "notifier.api.errors.handle_drf_exception",
    "DEFAULT_SCHEMA_CLASS": "notifier.api.openapi.LimitedSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": ["notifier.api.credentials.CredentialAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["notifier.api.credentials.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Notifier",
    "DESCRIPTION": "Transactional e-mail and push, accepted durably and delivered once.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["notifier.api.openapi.skip_slash_twins"],
    "POSTPROCESSING_HOOKS": ["notifier.api.openapi.wrap_in_envelope"],
}
CORS_ALLOWED_ORIGINS: list[str] = CONFIGURATION["CORS_ALLOWED_ORIGINS"]
CORS_EXPOSE_HEADERS = [
    "X-Correlation-ID",
    "Location",
    "Retry-After",
    "Idempotent-Replayed",
    "RateLimit",
    "RateLimit-Policy",
]
CORS_ALLOW_HEADERS = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "traceparent",
    "x-api-key",
    "x-correlation-id",
    "x-request-id",
)
API_DOCS: str = CONFIGURATION["API_DOCS"]

# --- delivery ------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL: str = CONFIGURATION["DEFAULT_FROM_EMAIL"]
PUBLIC_URL: str = CONFIGURATION["PUBLIC_URL"]
RETRY_MAX: int = CONFIGURATION["RETRY_MAX"]
RETRY_BASE_SECONDS: float = CONFIGURATION["RETRY_BASE_SECONDS"]
RETRY_CAP_SECONDS: float = CONFIGURATION["RETRY_CAP_SECONDS"]
BREAKER_THRESHOLD: int = CONFIGURATION["BREAKER_THRESHOLD"]
BREAKER_RESET_SECONDS: float = CONFIGURATION["BREAKER_RESET_SECONDS"]
SEND_LEASE_SECONDS: float = CONFIGURATION["SEND_LEASE_SECONDS"]
EMAIL_AT_ONCE: int = CONFIGURATION["EMAIL_AT_ONCE"]
PUSH_AT_ONCE: int = CONFIGURATION["PUSH_AT_ONCE"]

# --- pages ---------------------------------------------------------------------------------
STATIC_URL = "/static/"
# In development pages work before collectstatic has run; the image runs it.
WHITENOISE_USE_FINDERS = NOTIFIER_ENV == DEVELOPMENT
STATIC_ROOT = None if WHITENOISE_USE_FINDERS else BASE_DIR / "staticfiles"
UNFOLD = describe_admin(environment=NOTIFIER_ENV, static_url=STATIC_URL)
LOGIN_REDIRECT_URL = "admin:index"

# --- browsers (their policies: notifier.web_security) ------------------------------------------
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "notifier.sessions"
SESSION_COOKIE_AGE = 2 * 3600  # without a request
if NOTIFIER_ENV != DEVELOPMENT:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    # The prefix keeps other hosts of the domain from planting a cookie (RFC 6265bis).
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 31_536_000
    CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https:") else []
    if TRUSTED_PROXY_COUNT:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SILENCED_SYSTEM_CHECKS += [
    # TLS ends at the proxy, whose work the redirect is: a redirected POST has lost its body, and
    # has shown its credentials. Health checks come without TLS.
    "security.W008",
    "security.W005",  # what else runs on subdomains, and without TLS, is not ours to decide
    "security.W009",  # 32 random characters are enough; notifier.production looks at what they are
    "security.W021",  # to be preloaded into browsers is for the owner of the domain to decide
]

# --- what operators see ----------------------------------------------------------------------
METRICS_LISTEN: tuple[str, int] | None = CONFIGURATION["METRICS_LISTEN"]
OTEL_EXPORTER_OTLP_ENDPOINT: str = CONFIGURATION["OTEL_EXPORTER_OTLP_ENDPOINT"]
if OTEL_EXPORTER_OTLP_ENDPOINT:
    for chain in (MIDDLEWARE, MIDDLEWARE_OF_ALL):
        chain.insert(1, "notifier.tracing_web.TraceMiddleware")
LOGGING = logging_settings(
    log_format=CONFIGURATION["LOG_FORMAT"], level=CONFIGURATION["LOG_LEVEL"]
)
LOGGING_CONFIG = "logging.config.dictConfig"
