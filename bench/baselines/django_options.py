"""The settings that every baseline takes from its environment."""

import os
from typing import Any
from urllib.parse import urlsplit

SECRET = "nothing-is-kept-secret-by-a-benchmark-on-a-private-machine"  # noqa: S105  # private, thrown away


def read_database(**options: Any) -> dict[str, Any]:
    """Return DATABASES["default"] of DATABASE_URL; Django's own defaults save for `options`."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": url.username,
        "HOST": url.hostname,
        "PORT": url.port,
        **options,
    }


def read_email_port() -> int:
    return int(os.environ.get("SINK_PORT", "25"))
