"""How Notifier hands one message to one provider: one interface, four errors, a file each."""

from apps.delivery.providers.registry import build_provider

__all__ = ["build_provider"]
