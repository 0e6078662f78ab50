"""The simulator: recipients that nothing is sent to, yet whatever a provider may do happens."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from apps.delivery.providers.capture import CapturingProvider, Store
from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    Permanent,
    ProviderError,
    PushMessage,
    Transient,
    Uncertain,
)

SIMULATOR_DOMAIN: Final = "simulator.test"  # RFC 6761: no mail server has it
SIMULATOR_TOKEN: Final = "simulator-"  # noqa: S105  # how the tokens begin
SLOW_SECONDS: Final = 5.0
HANG_SECONDS: Final = 10.0  # as long as a real provider's answer is waited for
# A process waits for a slow recipient at most once in so long: test keys share the workers with
# live sending, and ten thousand slow ones must not hold it up.
SLOW_EVERY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedReceipt:
    """What a provider reports about a message that it took."""

    kind: str
    error_code: str = ""
    error: str = ""


DELIVERED = SimulatedReceipt(kind="delivered")
BOUNCED = SimulatedReceipt(
    kind="bounced", error_code="bounced", error="550 5.1.1 no such mailbox (simulated)"
)
COMPLAINED = SimulatedReceipt(kind="complained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a provider treats a message: answers late, refuses, or takes it and reports later."""

    seconds: float = 0
    error: Callable[[], ProviderError] | None = None
    recovers: bool = False  # only the first attempt fails
    receipts: tuple[SimulatedReceipt, ...] = (DELIVERED,)

    def refuse(self, *, attempt: int) -> None:
        """Raise the error, if this attempt is to have one."""
        if self.error is not None and not (self.recovers and attempt > 1):
            raise self.error()


_deferred = partial(Transient, "451 4.7.1 try again later (simulated)", code="smtp_451")
_unavailable = partial(Transient, "503 UNAVAILABLE (simulated)", code="http_503")
_lost = partial(
    Uncertain,
    "the connection broke after the message was sent (simulated)",
    code="connection_lost",
)
_NEITHER_WAY: Final = {
    "success": Behaviour(),
    "slow": Behaviour(seconds=SLOW_SECONDS),
    "doubt": Behaviour(error=_lost, recovers=True),
}
# By the part of the address before the @; what follows a + in it says nothing.
MAILBOXES: Final[Mapping[str, Behaviour]] = _NEITHER_WAY | {
    "bounce": Behaviour(receipts=(BOUNCED,)),
    "complaint": Behaviour(receipts=(DELIVERED, COMPLAINED)),
    "defer": Behaviour(error=_deferred),
    "flaky": Behaviour(error=_deferred, recovers=True),
    "reject": Behaviour(
        error=partial(Permanent, "550 5.7.1 not accepted (simulated)", code="smtp_550")
    ),
}
# By what a token has after `simulator-`; more may follow.
DEVICES: Final[Mapping[str, Behaviour]] = _NEITHER_WAY | {
    "unregistered": Behaviour(
        error=partial(
            Permanent, "UNREGISTERED (simulated)", code="fcm_unregistered", recipient_gone=True
        )
    ),
    "unavailable": Behaviour(error=_unavailable),
    "flaky": Behaviour(error=_unavailable, recovers=True),
}
# What `manage.py chaos` has a whole provider do, whoever the recipient is.
TROUBLES: Final[Mapping[str, Behaviour]] = {
    "503": Behaviour(error=partial(Transient, "503 (made by chaos)", code="http_503")),
    "refuse": Behaviour(
        error=partial(Transient, "connection refused (made by chaos)", code="connect_failed")
    ),
    "reject": Behaviour(error=partial(Permanent, "550 (made by chaos)", code="smtp_550")),
    "slow": Behaviour(seconds=SLOW_SECONDS, receipts=()),
    "hang": Behaviour(
        seconds=HANG_SECONDS, error=partial(Uncertain, "no answer (made by chaos)", code="timeout")
    ),
}
_AS_EVER = Behaviour(receipts=())
Report = Callable[[EmailMessage | PushMessage, Sequence[SimulatedReceipt]], None]


class SimulatingProvider(CapturingProvider):
    """Captures as its parent does, and plays a real provider for the simulator's recipients.

    What it took and has a receipt for is handed to `report`, which is to pass it on a little
    later. While `find_trouble` returns one, every message meets that instead.
    """

    def __init__(
        self,
        *,
        name: str,
        channel: Channel,
        store: Store,
        report: Report,
        slow_every_seconds: float = SLOW_EVERY_SECONDS,
        find_trouble: Callable[[], Behaviour | None] = lambda: None,
    ) -> None:
        super().__init__(name=name, channel=channel, store=store)
        self.longest_call_seconds = HANG_SECONDS
        self._report = report
        self._slow_every_seconds = slow_every_seconds
        self._find_trouble = find_trouble

    def send(self, message: EmailMessage | PushMessage) -> str:
        """Behave as the recipient (or the trouble) asks; a message that is taken is stored."""
        trouble = self._find_trouble()
        behaviour = trouble or find_behaviour(message) or _AS_EVER
        if behaviour.seconds and (trouble or may_wait(every_seconds=self._slow_every_seconds)):
            time.sleep(behaviour.seconds)
        behaviour.refuse(attempt=message.attempt)
        identity = super().send(message)
        if behaviour.receipts:
            self._report(message, behaviour.receipts)
        return identity


def find_behaviour(message: EmailMessage | PushMessage) -> Behaviour | None:
    """Return what the simulator has planned for a recipient; None for everybody else."""
    if isinstance(message, EmailMessage):
        mailbox, _, domain = message.recipient.lower().rpartition("@")
        return MAILBOXES.get(mailbox.partition("+")[0]) if domain == SIMULATOR_DOMAIN else None
    if not message.token.startswith(SIMULATOR_TOKEN):
        return None
    word = message.token.removeprefix(SIMULATOR_TOKEN)
    return next((DEVICES[name] for name in DEVICES if word.startswith(name)), None)


def may_wait(*, every_seconds: float) -> bool:
    """Keep this process from spending its time on recipients that are slow on purpose."""
    global _waited_at  # of all channels and threads of the process
    with _lock:
        now = time.monotonic()
        if now - _waited_at < every_seconds:
            return False
        _waited_at = now
        return True


_lock = threading.Lock()
_waited_at = float("-inf")
