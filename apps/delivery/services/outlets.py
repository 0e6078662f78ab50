"""The providers of this process, built from the settings and kept with their connections."""

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from apps.delivery.models import CapturedMessage
from apps.delivery.providers import build_provider
from apps.delivery.providers.capture import CapturingProvider
from apps.delivery.providers.contract import Channel, EmailMessage, PushMessage, Transient
from apps.delivery.services.gates import Gate, gate_for
from notifier.breaker import Permit
from notifier.faults import DATABASE_AWAY

Mode = Literal["live", "test"]
_kept = threading.local()  # connections are not shared between threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A provider and the gate before it; what only captures has none."""

    provider: Any  # a Provider of either message; the channel decides which is handed to it
    gate: Gate | None = None

    @property
    def name(self) -> str:
        return str(self.provider.name)

    def passing(self) -> AbstractContextManager[Permit | None]:
        """Hold the right to one call; raise Unavailable where there is none now."""
        return self.gate.passing() if self.gate else nullcontext()

    def send(self, message: EmailMessage | PushMessage) -> str:
        return str(self.provider.send(message))

    def close(self) -> None:
        self.provider.close()


def outlets_for(*, channel: Channel, mode: str) -> list[Outlet]:
    """Return the providers of a channel in failover order; test keys never reach a real one."""
    key = (channel, mode)
    known: dict[tuple[str, str], list[Outlet]] = _kept.__dict__.setdefault("outlets", {})
    if key not in known:
        known[key] = _build(channel) if mode == "live" else [_simulator(channel)]
    return known[key]


def check_outlets(channel: Channel) -> None:
    """Build a channel's providers and let them go; raise InvalidProviderUrl if one cannot be."""
    for outlet in _build(channel):
        outlet.close()


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


def _build(channel: Channel) -> list[Outlet]:
    urls = settings.EMAIL_PROVIDER_URLS if channel == "email" else settings.PUSH_PROVIDER_URLS
    return [
        Outlet(
            provider=build_provider(
                url,
                channel=channel,
                store=lambda message, name=url.name: keep_captured(message, provider=name),
            ),
            gate=gate_for(url),
        )
        for url in urls
    ]


def _simulator(channel: Channel) -> Outlet:
    provider = CapturingProvider[Any](
        name="test", channel=channel, store=lambda message: keep_captured(message, provider="test")
    )
    return Outlet(provider=provider)


def _as_dict(message: EmailMessage | PushMessage) -> dict[str, Any]:
    return {name: _plain(getattr(message, name)) for name in message.__slots__}


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "items") else value
