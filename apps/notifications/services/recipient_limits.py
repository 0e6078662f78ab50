"""How often one recipient may be written to: the end of flooding somebody's inbox through us.

Counted by organization, channel and address (or user, for pushes), whatever the content: varying
it is what an abuser would do. People have a limit by default, programs have none: an operator's
program may well send a thousand alerts to one mailbox, and its password resets, receipts and bulk
sends go out whatever people asked for, since the two are counted apart. What is not to be sent
(skipped, or accepted before under its `request_id`) does not count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from apps.notifications.models import Status
from apps.notifications.services.preparing import Row
from notifier.authentication import Principal
from notifier.errors import RateLimited
from notifier.quotas import Quota
from notifier.rate_leases import open_counters
from notifier.rate_limits import Grant

_TOO_OFTEN = "this recipient was written to too often; Retry-After says when to come again"


def find_overwritten(rows: Iterable[Row], principal: Principal) -> dict[UUID, RateLimited]:
    """Count the rows that are to be sent; return an error for each that is one too many, by id."""
    quota = _quota_of(principal)
    if quota is None:
        return {}
    due = {row["id"]: _name_recipient(row, principal) for row in rows if _is_to_be_sent(row)}
    return _refuse_rest(due, quota)


def give_back(row: Row, principal: Principal) -> None:
    """Uncount a row that was counted and then not stored."""
    quota = _quota_of(principal)
    if quota is not None and _is_to_be_sent(row):
        counters = open_counters(settings.CACHE_URL).counters
        counters.take(quota, _name_recipient(row, principal), -1)


def _quota_of(principal: Principal) -> Quota | None:
    is_person = principal.user_id is not None
    quota: Quota | None = (
        settings.RATE_LIMIT_RECIPIENT if is_person else settings.RATE_LIMIT_KEY_RECIPIENT
    )
    return quota


def _refuse_rest(due: dict[UUID, str], quota: Quota) -> dict[UUID, RateLimited]:
    granted = _count(quota, Counter(due.values()))
    left = {name: grant.granted for name, grant in granted.items()}
    refused: dict[UUID, RateLimited] = {}
    for row_id, name in due.items():
        left[name] -= 1
        if left[name] < 0:
            refused[row_id] = RateLimited(_TOO_OFTEN, retry_after=granted[name].seconds)
    return refused


def _count(quota: Quota, wanted: Counter[str]) -> Mapping[str, Grant]:
    """Large quotas are fetched by the handful, where the row is one of many single ones."""
    counters = open_counters(settings.CACHE_URL)
    if wanted.total() == 1:
        (name,) = wanted
        return {name: counters.take_one(quota, name)}
    return counters.counters.take_each(quota, wanted)


def _is_to_be_sent(row: Row) -> bool:
    return bool(row["status"] == Status.PENDING)


def _name_recipient(row: Row, principal: Principal) -> str:
    """Addresses are personal: a digest of one is as good to count by."""
    caller = "key" if principal.user_id is None else "person"
    recipient = row["recipient_index"] or row["user_id"]
    who = f"{row['organization_id']}|{row['channel']}|{recipient}"
    return f"recipient-{caller}:{sha256(who.encode()).hexdigest()}"
