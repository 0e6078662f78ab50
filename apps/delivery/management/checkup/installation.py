"""Checks of this machine and its settings; they ask no other process."""

import os
import shutil
import stat
import sys
import tempfile
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.http.request import validate_host

from apps.delivery.management.checkup.finding import Finding, failed, passed, warned
from apps.delivery.services.outlets import LEASES_PER_CALL, describe_short_lease
from notifier.configuration import DEVELOPMENT, SETTINGS
from notifier.management.command_line import first_line, manage_command

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 200_000_000
# What works on one's own machine, and is hardly meant on a server.
_MEANT_FOR_DEVELOPMENT = {
    "DATABASE_URL": "one SQLite file; servers want PostgreSQL",
    "BROKER_URL": "in this process's memory; servers want RabbitMQ",
    "CACHE_URL": "in each process; servers want Redis",
    "EMAIL_PROVIDERS": "captured, never sent",
    "PUSH_PROVIDERS": "captured, never sent",
    "DEFAULT_FROM_EMAIL": "an address of no domain; mail servers refuse it",
    "ALLOWED_HOSTS": "localhost only",
}


def check_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return failed("python", f"{version}; 3.11 or newer is needed", mend="make clean install")
    return passed("python", f"{version}, Django {django.get_version()}")


def check_settings() -> Finding:
    """Defaults of development in staging or production (what cannot work stops the start)."""
    kind = settings.NOTIFIER_ENV
    defaults = [name for name in _MEANT_FOR_DEVELOPMENT if not os.environ.get(name)]
    if kind == DEVELOPMENT or not defaults:
        return passed("settings", f"NOTIFIER_ENV={kind}")
    told = "; ".join(f"{name} is {_MEANT_FOR_DEVELOPMENT[name]}" for name in defaults)
    return warned("settings", f"NOTIFIER_ENV={kind}, but {told}", mend=manage_command("config"))


def check_public_url() -> Finding:
    """Links in mails lead to it, from anywhere, and years later."""
    address = settings.PUBLIC_URL
    host = urlsplit(address).hostname or ""
    mend = "export PUBLIC_URL=https://<the name that people reach it under>"
    if settings.NOTIFIER_ENV != DEVELOPMENT and _is_loopback(host):
        return warned("public url", f"{address} leads readers to their own machine", mend=mend)
    if not validate_host(host if ":" not in host else f"[{host}]", settings.ALLOWED_HOSTS):
        mend = f"export ALLOWED_HOSTS={','.join([*settings.ALLOWED_HOSTS, host])}"
        return warned("public url", f"{host} is not among ALLOWED_HOSTS", mend=mend)
    return passed("public url", address)


def check_proxies() -> Finding:
    """TLS ends at a proxy (the web itself speaks none), and whose address the web sees then."""
    count = settings.TRUSTED_PROXY_COUNT
    is_behind_one = settings.PUBLIC_URL.startswith("https://")
    if settings.NOTIFIER_ENV == DEVELOPMENT or count or not is_behind_one:
        return passed("proxies", f"{count} trusted")
    told = "TRUSTED_PROXY_COUNT=0, and PUBLIC_URL is https: all clients share the proxy's address"
    mend = "export TRUSTED_PROXY_COUNT=<how many proxies are between clients and the web>"
    return warned("proxies", f"{told} and its rate limit", mend=mend)


def check_registration() -> Finding:
    """Members may notify themselves, and nobody confirms the address that a stranger names."""
    if settings.NOTIFIER_ENV == DEVELOPMENT or not settings.REGISTRATION_OPEN:
        return passed("registration", "open" if settings.REGISTRATION_OPEN else "closed")
    told = "open: strangers may sign up, and have mail of theirs sent to the address they name"
    return warned("registration", told, mend="export REGISTRATION_OPEN=false")


def check_secrets() -> Finding:
    names = [setting.name for setting in SETTINGS if setting.generated]
    files = {name: Path(settings.VAR_DIR) / name.lower() for name in names}
    generated = [files[name] for name in names if not os.environ.get(name)]
    open_ones = [str(path) for path in generated if path.exists() and _others_may_read(path)]
    if open_ones:
        mend = f"chmod 600 {' '.join(open_ones)}"
        return warned("secrets", "others on this machine may read them", mend=mend)
    if len({str(settings.CONFIGURATION[name]) for name in names}) < len(names):
        mend = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        return warned("secrets", f"{' and '.join(names)} are the same", mend=mend)
    if generated:
        return passed("secrets", f"generated, in {settings.VAR_DIR}")
    return passed("secrets", "from the environment")


def check_var() -> Finding:
    var = Path(settings.VAR_DIR)
    try:
        var.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=var):
            disk = shutil.disk_usage(var)
    except OSError as error:
        mend = f"mkdir -p {var} && sudo chown $(id -un) {var}"
        return failed("var", f"{var} is not writable: {first_line(error)}", mend=mend)
    # A container's is small, and holds nothing that grows.
    if (free := disk.free) < min(LEAST_FREE_BYTES, disk.total // 2):
        told = f"{var} has {free // 1_000_000} MB left; delete what is old, or give it more room"
        return warned("var", told, mend=manage_command("purge"))
    return passed("var", f"{var} is writable")


def check_lease() -> Finding:
    """A call that outlives its lease is repeated by another worker while it is still going."""
    urls = (*settings.EMAIL_PROVIDER_URLS, *settings.PUSH_PROVIDER_URLS)
    if told := describe_short_lease(urls):
        least = max(url.longest_call_seconds for url in urls) * LEASES_PER_CALL
        mend = f"export SEND_LEASE_SECONDS={least:g}"
        judge = warned if settings.NOTIFIER_ENV == DEVELOPMENT else failed  # no worker starts
        return judge("lease", told, mend=mend)
    return passed("lease", f"{settings.SEND_LEASE_SECONDS:g} s")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _others_may_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
