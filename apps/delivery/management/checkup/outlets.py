"""Checks of the providers, as far as that goes without sending anything."""

import socket

from django.conf import settings

from apps.delivery.management.checkup.finding import (
    SECONDS,
    Finding,
    NoAnswer,
    answer_in_time,
    failed,
    passed,
)
from apps.delivery.providers import build_provider
from apps.delivery.providers.contract import Channel, EmailMessage, PushMessage
from apps.delivery.providers.schemes import SCHEMES
from apps.delivery.providers.smtp import read_smtp_server
from apps.delivery.providers.urls import InvalidProviderUrl, ProviderUrl
from notifier.management.command_line import first_line

SETTING: dict[Channel, str] = {"email": "EMAIL_PROVIDERS", "push": "PUSH_PROVIDERS"}


def check_providers() -> list[Finding]:
    """One finding for each provider of each channel."""
    email = [check_provider(url, channel="email") for url in settings.EMAIL_PROVIDER_URLS]
    return email + [check_provider(url, channel="push") for url in settings.PUSH_PROVIDER_URLS]


def check_provider(url: ProviderUrl, *, channel: Channel) -> Finding:
    """Is the URL good, its file readable, its mail server listening? Sends nothing."""
    name = f"{channel} provider {url.name}"
    try:
        build_provider(url, channel=channel, store=_refuse_to_store).close()
    except InvalidProviderUrl as error:
        mend = f"export {SETTING[channel]}='{SCHEMES[url.scheme].shape}'"
        return failed(name, f"{SETTING[channel]}: {first_line(error)}", mend=mend)
    if url.scheme in ("smtp", "smtps"):
        return _check_mail_server(name, url)
    if url.scheme == "capture":
        return passed(name, "keeps everything for /inbox/, nothing leaves")
    return passed(name, "configured (not called: that would send)")


def _check_mail_server(name: str, url: ProviderUrl) -> Finding:
    server = read_smtp_server(url)
    place = f"{server.host}:{server.port}"
    try:
        answer_in_time(lambda: _connect(server.host, server.port))
    except (OSError, NoAnswer) as error:
        told = f"EMAIL_PROVIDERS: {place}: {first_line(error)}; start it, or name another"
        return failed(name, told, mend=f"export EMAIL_PROVIDERS='{SCHEMES[url.scheme].shape}'")
    return passed(name, f"{place} takes connections")


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=SECONDS).close()


def _refuse_to_store(message: EmailMessage | PushMessage) -> None:
    raise AssertionError("the doctor sends nothing")
