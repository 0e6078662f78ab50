"""The breakers of the configured providers, for operators: view and reset."""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from apps.delivery.services.gates import Gate, call_parked, gate_for
from notifier.audit import record_change
from notifier.breaker import BreakerView
from notifier.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderBreaker:
    """A provider that has a breaker, with the channel that it serves."""

    channel: str
    name: str
    gate: Gate


def list_breakers() -> list[tuple[ProviderBreaker, BreakerView]]:
    """Return every breaker in failover order, with what is known of it now."""
    return [(each, each.gate.breaker.state()) for each in _find_breakers()]


def reset_breaker(name: str) -> list[tuple[ProviderBreaker, BreakerView]]:
    """Close a provider's breaker; raise NotFound where no provider with one has that name."""
    found = [each for each in _find_breakers() if each.name == name]
    if not found:
        raise NotFound("no such provider")
    for each in found:
        with transaction.atomic():
            record_change(action="breaker.reset", object_type="provider", object_id=each.name)
            each.gate.breaker.reset()
    call_parked()
    return [(each, each.gate.breaker.state()) for each in found]


def _find_breakers() -> list[ProviderBreaker]:
    channels = {"email": settings.EMAIL_PROVIDER_URLS, "push": settings.PUSH_PROVIDER_URLS}
    found = [
        ProviderBreaker(channel=channel, name=url.name, gate=gate)
        for channel, urls in channels.items()
        for url in urls
        if (gate := gate_for(url)) is not None
    ]
    # The only one of two channels is capture://, and its breaker is one: the first stands for it.
    return list({each.name: each for each in reversed(found)}.values())[::-1]
