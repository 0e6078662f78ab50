"""The providers of this process, built from the settings and kept with their connections."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import structlog
from django.conf import settings

from apps.delivery.models import CapturedMessage
from apps.delivery.providers import build_provider
from apps.delivery.providers.capture import CapturingProvider
from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    ForeseeingProvider,
    PushMessage,
    Transient,
)
from apps.delivery.providers.urls import ProviderUrl
from apps.delivery.services.gates import Gate, gate_for
from apps.delivery.services.simulating import build_simulator, is_playground
from notifier.breaker import Permit
from notifier.configuration import DEVELOPMENT, InvalidSetting
from notifier.faults import DATABASE_AWAY

log = structlog.get_logger(__name__)
Mode = Literal["live", "test"]
# No call begins when a third of its lease is over: what is left has to cover it.
LEASES_PER_CALL: Final = 1.5
_kept = threading.local()  # connections are not shared between threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A provider and the gate before it; what only captures has none outside the playground."""

    provider: Any  # a Provider of either message; the channel decides which is handed to it
    gate: Gate | None = None
    foresees: bool = field(init=False)  # asking a protocol takes long, and this is asked often

    def __post_init__(self) -> None:
        object.__setattr__(self, "foresees", isinstance(self.provider, ForeseeingProvider))

    @property
    def name(self) -> str:
        return str(self.provider.name)

    @property
    def is_ours(self) -> bool:
        """Does it only write into our own database?"""
        return isinstance(self.provider, CapturingProvider)

    def passing(self) -> AbstractContextManager[Permit | None]:
        """Hold the right to one call; raise Unavailable where there is none now."""
        return self.gate.passing() if self.gate else nullcontext()

    def send(
        self, message: EmailMessage | PushMessage, following: EmailMessage | PushMessage | None
    ) -> str:
        """Send a message; `following` is what will probably be sent next."""
        if self.foresees:
            return str(self.provider.send_foreseeing(message, following))
        return str(self.provider.send(message))

    def close(self) -> None:
        self.provider.close()


def outlets_for(*, channel: Channel, mode: str) -> list[Outlet]:
    """Return the providers of a channel in failover order; test keys never reach a real one."""
    key = (channel, mode)
    known: dict[tuple[str, str], list[Outlet]] = _kept.__dict__.setdefault("outlets", {})
    if key not in known:
        known[key] = _build(channel) if mode == "live" else _build_for_tests(channel)
    return known[key]


def check_outlets(channel: Channel) -> None:
    """Find out whether a worker could send on a channel; raises what says why not, in one line.

    InvalidProviderUrl for a provider that cannot be built, InvalidSetting for a lease that is too
    short for them.
    """
    check_lease_length(_urls_of(channel))
    for outlet in _build(channel):
        outlet.close()


def check_lease_length(urls: Sequence[ProviderUrl]) -> None:
    """Raise InvalidSetting where a call could outlive its lease: another worker would repeat it.

    In development it is a warning: a short lease shows soon what becomes of a worker that dies.
    """
    told = describe_short_lease(urls)
    if not told:
        return
    if settings.NOTIFIER_ENV != DEVELOPMENT:
        raise InvalidSetting(told)
    log.warning("lease_shorter_than_a_call", why=told)


def describe_short_lease(urls: Sequence[ProviderUrl]) -> str:
    """Return what is wrong with SEND_LEASE_SECONDS for these providers; "" where nothing is."""
    slowest = max(urls, key=lambda url: url.longest_call_seconds)
    least, lease = slowest.longest_call_seconds * LEASES_PER_CALL, settings.SEND_LEASE_SECONDS
    if lease >= least:
        return ""
    return (
        f"SEND_LEASE_SECONDS: expected at least {least:g} ({LEASES_PER_CALL:g} times the"
        f" {slowest.longest_call_seconds:g} s that a call to {slowest.name} may take),"
        f" not {lease:g}"
    )


def close_outlets() -> None:
    """Close what this thread has kept open."""
    for outlets in _kept.__dict__.pop("outlets", {}).values():
        for outlet in outlets:
            outlet.close()


def keep_captured(message: EmailMessage | PushMessage, *, provider: str) -> None:
    """Store a captured message where the inbox page finds it."""
    if isinstance(message, EmailMessage):
        shown = {"channel": "email", "recipient": message.recipient, "title": message.subject}
    else:
        shown = {"channel": "push", "recipient": message.token, "title": message.title}
    try:
        CapturedMessage.objects.create(
            notification_id=message.notification_id,
            provider=provider,
            message=_as_dict(message),
            **shown,
        )
    except DATABASE_AWAY as error:
        raise Transient("the inbox could not be written", code="inbox_unavailable") from error


def _urls_of(channel: Channel) -> list[ProviderUrl]:
    urls: list[ProviderUrl] = (
        settings.EMAIL_PROVIDER_URLS if channel == "email" else settings.PUSH_PROVIDER_URLS
    )
    return urls


def _build(channel: Channel) -> list[Outlet]:
    return [
        Outlet(provider=_build_provider(url, channel), gate=gate_for(url))
        for url in _urls_of(channel)
    ]


def _build_for_tests(channel: Channel) -> list[Outlet]:
    """What test keys send goes nowhere, and the recipients of the simulator answer."""
    return [Outlet(provider=_build_simulator(channel, name="test"))]


def _build_provider(url: ProviderUrl, channel: Channel) -> Any:
    if url.scheme == "capture" and is_playground():
        return _build_simulator(channel, name=url.name)
    return build_provider(url, channel=channel, store=partial(keep_captured, provider=url.name))


def _build_simulator(channel: Channel, *, name: str) -> Any:
    return build_simulator(name=name, channel=channel, store=partial(keep_captured, provider=name))


def _as_dict(message: EmailMessage | PushMessage) -> dict[str, Any]:
    return {name: _plain(getattr(message, name)) for name in message.__slots__}


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
