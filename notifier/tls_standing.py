"""How the connections of this installation stand to TLS: encrypted, and for whom."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings

from notifier.tls_options import find_skipped_check, find_weak_mode

_DATABASES: Final = {"default": "DATABASE_URL", "replica": "DATABASE_REPLICA_URL"}
_PLAIN_MODES: Final = ("", "disable", "allow", "prefer")


def list_unverified() -> list[str]:
    """Return `SETTING: option` for each connection that an impostor could answer with any key."""
    databases = {
        name: find_weak_mode(options) for name, options in _list_database_options().items()
    }
    servers = {
        name: find_skipped_check(getattr(settings, name)) for name in ("BROKER_URL", "CACHE_URL")
    }
    found = {**databases, **servers}
    return [f"{name}: {option}" for name, option in found.items() if option]


def list_encrypted() -> list[str]:
    """Return the settings whose connections are surely encrypted."""
    databases = [
        name
        for name, options in _list_database_options().items()
        if options.get("sslmode", "") not in _PLAIN_MODES
    ]
    return [*databases, *_list_encrypted_servers()]


def _list_encrypted_servers() -> Iterator[str]:
    for name, scheme in (("BROKER_URL", "amqps://"), ("CACHE_URL", "rediss://")):
        if getattr(settings, name).startswith(scheme):
            yield name


def _list_database_options() -> dict[str, Mapping[str, Any]]:
    return {
        name: settings.DATABASES[alias].get("OPTIONS", {})
        for alias, name in _DATABASES.items()
        if alias in settings.DATABASES
    }
