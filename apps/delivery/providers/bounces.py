"""Which bounces are for good: only those suppress an address.

Anymail calls a full mailbox and an unknown one both `bounced`; the services' own words differ.
"""

from typing import Any, Final

from anymail.signals import EventType, RejectReason

SOFT_BOUNCE: Final = "soft_bounce"
_FOR_GOOD: Final = frozenset({RejectReason.BOUNCED, RejectReason.INVALID})
_Rule = tuple[tuple[tuple[str, ...], ...], frozenset[Any]]
# Where a service says it (any of these paths), and the words for a bounce that is for good. The
# services that are not named report, or Anymail passes on as bounces, no others.
_SAID: Final[dict[str, _Rule]] = {
    "amazon_ses": ((("bounce", "bounceType"),), frozenset({"Permanent"})),
    "brevo": ((("event",),), frozenset({"hard_bounce", "invalid_email"})),
    "mailersend": ((("data", "type"),), frozenset({"hard_bounced"})),
    "mailjet": ((("hard_bounce",),), frozenset({True})),
    "mandrill": ((("event",),), frozenset({"hard_bounce"})),
    "postmark": ((("Type",), ("SuppressionReason",)), frozenset({"HardBounce"})),
    "resend": ((("data", "bounce", "type"),), frozenset({"Permanent"})),
    "sendgrid": ((("type",),), frozenset({"bounce"})),  # the other one is `blocked`
    # 10: no such recipient; 30: no recipient. All others may pass, or are not about the address.
    "sparkpost": ((("msys", "message_event", "bounce_class"),), frozenset({"10", "30"})),
    "unisender_go": (
        (("delivery_info", "delivery_status"),),
        frozenset({"err_user_unknown", "err_user_inactive", "err_domain_inactive"}),
    ),
}


def name_bounce(event: Any, *, module: str) -> str | None:
    """Return the reason of a report: `bounced` or `invalid` only where the address is at fault.

    `module` is Anymail's name of the service. What bounced and may pass is a `soft_bounce`.
    """
    reason: str | None = event.reject_reason
    if event.event_type != EventType.BOUNCED:
        return reason
    is_usual = reason is None or reason in _FOR_GOOD
    if not is_usual:
        return reason
    if _is_for_good(event, module):
        return reason or str(RejectReason.BOUNCED)
    return SOFT_BOUNCE


def _is_for_good(event: Any, module: str) -> bool:
    if module not in _SAID:
        return event.reject_reason in _FOR_GOOD
    paths, words = _SAID[module]
    return any(_look_up(event.esp_event, path) in words for path in paths)


def _look_up(part: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        part = part.get(name) if isinstance(part, dict) else None
    return part if isinstance(part, str | bool) else None
