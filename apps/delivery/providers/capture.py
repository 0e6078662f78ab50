"""The provider that sends nothing: it hands each message to the inbox page's store."""

from collections.abc import Callable

from apps.delivery.providers.contract import Channel, EmailMessage, PushMessage

Store = Callable[[EmailMessage | PushMessage], None]


class CapturingProvider:
    """For capture:// and for what test-mode keys send; whatever `store` raises goes through."""

    def __init__(self, *, name: str, channel: Channel, store: Store) -> None:
        self.name = name
        self.channel: Channel = channel
        self.longest_call_seconds = 0.0  # it calls nobody
        self._store = store

    def send(self, message: EmailMessage | PushMessage) -> str:
        """Store the message; its id is the same when the same attempt is repeated."""
        self._store(message)
        return f"captured-{message.notification_id}-{message.attempt}"

    def close(self) -> None:
        """Nothing is kept open."""
