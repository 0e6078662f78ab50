"""What reasons and error codes mean, in sentences for the person who reads a timeline."""

import re
from collections.abc import Callable
from typing import Final

_REASONS: Final = {
    "replay": "Somebody sent it again: it starts anew, with all its attempts.",
    "retry": "The trouble may pass, so it is tried again later.",
    "in_doubt": "Nobody knows whether the provider took this attempt.",
    "retries_exhausted": "Every attempt failed. It waits in the dead letters.",
    "permanent_error": "Trying again would not help. It waits in the dead letters.",
    "internal_error": "A fault of Notifier's own: please look into the logs.",
    "misconfigured": "The provider's settings do not work: it waits until they are mended.",
    "breaker_open": "The provider failed too often and is left alone for a while.",
    "rate_limited": "The provider's rate limit was reached: it waits for its turn.",
    "released": "The worker gave it back before it began: the attempt does not count.",
    "not_claimed": "No worker took it in time, so it was published again.",
    "broker_unavailable": "The broker was away. Nothing is lost: the database keeps it.",
    "requested": "Somebody asked for it.",
    "discarded": "Somebody took it out of the dead letters for good.",
    "expires_at_passed": "Its time to expire came before it could be sent.",
    "preference_off": "The user has switched this channel off.",
    "suppressed": "The address is on the suppression list.",
    "no_device": "The user has no device that could get it.",
    "no_address": "There is no address to send it to.",
    "user_inactive": "The user is deactivated.",
    "user_gone": "The user was erased.",
    "missing_variables": "The template needs variables that were not given.",
    "rendering_failed": "The template cannot be rendered with these variables.",
    "receipt": "The provider reported this.",
}
_CODES: Final = {
    "connect_failed": "The provider could not be reached.",
    "connection_lost": "The connection broke while the provider was answering.",
    "timeout": "The provider did not answer in time.",
    "tls_failed": "No trusted TLS connection could be made.",
    "token_unavailable": "The push service's sign-in gave no access token, so nothing was sent.",
    "inbox_unavailable": "The inbox of captured messages could not be written.",
    "starttls_not_offered": "The server offers no STARTTLS, which the settings ask for.",
    "authentication_failed": "The provider refused our credentials.",
    "sender_not_ready": "The provider does not let this account or sender send yet.",
    "provider_settings": "The provider's settings do not work: its URL needs mending.",
    "fcm_third_party_auth": "Apple or the browser's push service refuses the key kept at FCM.",
    "unreadable_answer": "The provider's answer could not be understood.",
    "invalid_recipient": "The provider says that this is no address.",
    "recipient_refused": "The provider refuses this recipient.",
    "smtputf8_not_offered": "The address has letters beyond ASCII, which the server cannot take.",
    "unsupported_by_provider": "The message needs something that this provider cannot do.",
    "invalid_sender": "The provider refuses our sender address.",
    "invalid_content": "The provider refuses the content.",
    "invalid_request": "The provider's settings make no call that could be sent.",
    "template_not_hosted": "This provider keeps no template for it, and there is no other text.",
    "invalid_header": "A header could not be written.",
    "undecryptable": "No encryption key opens it: check FIELD_ENCRYPTION_KEYS.",
    "http_429": "The provider asks for fewer calls.",
    "fcm_unregistered": "The app was removed from this device.",
    "fcm_sender_id_mismatch": "The device's token belongs to another FCM project.",
    "fcm_invalid_argument": "FCM finds the token or the message malformed.",
    "onesignal_unsubscribed": "The device takes no more pushes: unsubscribed or removed.",
    "soft_bounce": "The mailbox could not take it now: full, or too large.",
    "bounced": "The address does not exist.",
    "invalid": "The address is none that could exist.",
    "blocked": "The mailbox's provider turned it away, not because of the address.",
    "spam": "The mailbox's provider, or the reader, took it for spam.",
    "timed_out": "The mailbox's provider did not take it for so long that it was given up.",
    "unsubscribed": "The reader has unsubscribed at the provider.",
    "other": "The provider gave no reason that it has a word for.",
}
_KINDS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    (r"smtp_(4\d\d)", lambda code: f"The mail server refused it for now ({code})."),
    (r"smtp_(5\d\d)", lambda code: f"The mail server refused it for good ({code})."),
    (r"http_(5\d\d)", lambda code: f"The provider has trouble of its own (HTTP {code})."),
    (r"http_(4\d\d)", lambda code: f"The provider refused the call (HTTP {code})."),
)
_STATUSES: Final = {
    "pending": "Accepted and stored.",
    "queued": "Published to the broker for the next free worker.",
    "sending": "A worker holds it and calls the provider.",
    "sent": "The provider took it.",
    "delivered": "The provider says that it arrived.",
    "bounced": "The provider says that it did not arrive.",
    "failed": "Given up.",
    "skipped": "Never to be sent.",
    "cancelled": "Cancelled before it was sent.",
    "expired": "Too late to be sent.",
    "opened": "The mail was opened.",
    "clicked": "A link was clicked.",
    "complained": "The reader called it spam: the address is suppressed.",
    "unsubscribed": "The reader unsubscribed.",
    "late": "A report that came too late to change anything.",
}


def explain_event(*, status: str, reason: str, error_code: str) -> str:
    """Return why an event happened, in one or two sentences; "" for what nobody explained."""
    sentences = [_REASONS.get(reason, "") if reason else _STATUSES.get(status, "")]
    if reason == "receipt":
        sentences = [_STATUSES.get(status, "")]
    if error_code and error_code != reason:
        sentences.append(explain_code(error_code))
    return " ".join(each for each in sentences if each)


def explain_code(code: str) -> str:
    """Return what an error code means; "" for one that only its provider can explain."""
    if code in _CODES:
        return _CODES[code]
    for pattern, tell in _KINDS:
        if found := re.fullmatch(pattern, code):
            return tell(found[1])
    return ""
