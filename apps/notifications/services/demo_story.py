"""What happened in the demo's last two weeks: one plot for each way a notification can go."""

from dataclasses import dataclass, field, replace
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of a notification, `after` so many seconds, and how long it waits after that."""

    status: str
    after: float
    reason: str = ""
    error_code: str = ""
    error: str = ""
    wait: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The way that `count` notifications went, accepted within these hours before now.

    To users of the demo, or to `people`: the one user of that name, or else addresses that begin
    with it. `suppresses` is the cause, where a receipt put the address on the suppression list.
    """

    steps: tuple[Step, ...]
    count: int
    template_code: str
    channel: str = "email"
    people: str = ""
    youngest_hours: float = 0.3
    oldest_hours: float = 14 * 24.0
    priority: int = 5
    suppresses: str = ""


_ACCEPTED = Step(status="pending", after=0.0)
_TRY = (Step(status="queued", after=0.02), Step(status="sending", after=0.03))
_SENT = Step(status="sent", after=0.3)
_DELIVERED = Step(status="delivered", after=2.4, reason="receipt")
_BOUNCED = Step(
    status="bounced",
    after=41.0,
    reason="receipt",
    error_code="bounced",
    error="550 5.1.1 no such mailbox",
)
_OPENED = Step(status="opened", after=900.0, reason="receipt")
_CLICKED = Step(status="clicked", after=20.0, reason="receipt")
_REFUSED = Step(
    status="failed",
    after=0.3,
    reason="permanent_error",
    error_code="smtp_550",
    error="550 5.7.1 message refused by policy",
)
_BUSY = Step(
    status="pending",
    after=0.4,
    reason="retry",
    error_code="smtp_451",
    error="451 4.7.1 greylisted, try again later",
    wait=2.1,
)
_AWAY = Step(
    status="pending",
    after=0.2,
    reason="retry",
    error_code="http_503",
    error="503 The service is unavailable",
    wait=2.2,
)
_DOUBT = Step(
    status="pending",
    after=10.0,
    reason="in_doubt",
    error_code="timeout",
    error="no answer within 10 s",
    wait=2.0,
)
_PARKED = Step(status="pending", after=0.01, reason="breaker_open", wait=31.0)
_EXHAUSTED = (
    _ACCEPTED,
    *(*_TRY, _AWAY),
    *(*_TRY, replace(_AWAY, wait=4.3)),
    *(*_TRY, replace(_AWAY, wait=7.6)),
    *_TRY,
    replace(_AWAY, status="failed", reason="retries_exhausted", wait=0.0),
)
_ON_ITS_WAY = (_ACCEPTED, *_TRY, _SENT)
_ARRIVED = (*_ON_ITS_WAY, _DELIVERED)
_DISCARDED = Step(
    status="failed",
    after=5400.0,
    reason="discarded",
    detail={"explanation": "The order was cancelled meanwhile."},
)
_SCHEDULED = replace(_ACCEPTED, wait=36 * 3600.0)
_SKIPPED = Step(status="skipped", after=0.0)


def _mail(count: int, template_code: str, *steps: Step, **more: Any) -> Plot:
    return Plot(steps=steps, count=count, template_code=template_code, **more)


def _push(count: int, *steps: Step, **more: Any) -> Plot:
    return Plot(steps=steps, count=count, template_code="order-shipped", channel="push", **more)


_REPLAYED = Step(status="pending", after=4000.0, reason="replay")
_CANCELLED = Step(status="cancelled", after=-35 * 3600.0, reason="requested")
_EXPIRED = Step(status="expired", after=0.0, reason="expires_at_passed")

PLOTS: Final = (
    _mail(120, "welcome", *_ARRIVED),
    _mail(28, "welcome", *_ARRIVED, _OPENED, _CLICKED, youngest_hours=1),
    _mail(48, "password-reset", *_ARRIVED, priority=9),
    _mail(22, "welcome", _ACCEPTED, *_TRY, _BUSY, *_TRY, _SENT, _DELIVERED),
    _mail(4, "password-reset", _ACCEPTED, *_TRY, _DOUBT, *_TRY, _SENT, _DELIVERED),
    _mail(5, "welcome", _ACCEPTED, *_TRY, _REFUSED, youngest_hours=3),
    _mail(2, "welcome", _ACCEPTED, *_TRY, _REFUSED, _DISCARDED, youngest_hours=30),
    _mail(
        5,
        "welcome",
        *(*_ON_ITS_WAY, _BOUNCED),
        people="moved-away",
        suppresses="hard_bounce",
        youngest_hours=4,
    ),
    _mail(4, "welcome", replace(_SKIPPED, reason="suppressed"), people="moved-away"),
    _mail(3, "welcome", _SCHEDULED, _CANCELLED, youngest_hours=40),
    _mail(3, "password-reset", replace(_ACCEPTED, wait=1800.0), _EXPIRED, youngest_hours=2),
    _mail(2, "welcome", _SCHEDULED, youngest_hours=1, oldest_hours=24),
    _push(70, *_ON_ITS_WAY),
    _push(8, _ACCEPTED, *_TRY, _PARKED, *_TRY, _SENT),
    _push(4, *_EXHAUSTED, youngest_hours=6),
    _push(4, *_EXHAUSTED, _REPLAYED, *_TRY, _SENT, youngest_hours=8),
    _push(6, replace(_SKIPPED, reason="preference_off"), people="linus"),
)

# One newsletter, sent in one request two days ago.
BATCH_CODE: Final = "newsletter"
BATCH_HOURS: Final = 50.0


def _letter(count: int, *steps: Step, **more: Any) -> Plot:
    return Plot(steps=steps, count=count, template_code=BATCH_CODE, priority=1, **more)


BATCH_PLOTS: Final = (
    _letter(14, *_ARRIVED, _OPENED),
    _letter(26, *_ARRIVED, people="subscriber"),
    _letter(1, _ACCEPTED, *_TRY, _REFUSED, people="strict-company"),
    _letter(2, *_ON_ITS_WAY, _BOUNCED, people="closed-mailbox", suppresses="hard_bounce"),
    _letter(
        1,
        *(*_ARRIVED, replace(_OPENED, status="complained")),
        people="annoyed-reader",
        suppresses="complaint",
    ),
    _letter(
        2,
        *(*_ARRIVED, _OPENED, replace(_CLICKED, status="unsubscribed")),
        people="former-reader",
        suppresses="unsubscribe",
    ),
)
