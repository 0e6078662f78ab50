"""Workers: what became of the claimed notifications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change, log_event
from apps.notifications.models.measuring import COUNTED, measure_sent
from notifier.measurements import count_in_doubt
from notifier.sql import (
    as_uuid,
    encode_ids,
    encode_rows,
    json_rows_sql,
    now_sql,
    run,
    with_ids_sql,
)

_OUTCOME_COLUMNS = {
    "id": "uuid",
    "fence": "integer",
    "status": "text",
    "reason": "text",
    "provider": "text",
    "provider_message_id": "text",
    "error_code": "text",
    "error": "text",
    "detail": "jsonb",
    "retry_in": "double precision",
    "retries": "smallint",
    "doubts": "smallint",
    "reached_devices": "jsonb",
    "uncounted": "smallint",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one claimed notification.

    `retry_in` (seconds) goes with the status pending; `counts_as_retry` says whether the wait
    uses up one of the retries (parking does not). `uncount_attempt`: no provider was called, so
    the claim was no attempt.
    """

    id: UUID
    fence: int
    status: str
    reason: str = ""
    provider: str = ""
    provider_message_id: str = ""
    error_code: str = ""
    error: str = ""
    detail: Mapping[str, Any]
    retry_in: float = 0
    counts_as_retry: bool = False
    in_doubt: bool = False
    reached_devices: Sequence[str] = ()
    uncount_attempt: bool = False


def record_outcomes(outcomes: Sequence[Outcome]) -> list[UUID]:
    """Move sending → what the outcome says; returns the ids that were changed.

    An outcome whose fence is no longer the row's came too late (the lease was over and another
    worker has claimed it): it changes nothing and is left in the timeline as `late`. A late
    `sent` that nobody has claimed since is still the truth.
    """
    update = (
        f"UPDATE {TABLE} AS n SET status = r.status, reason = r.reason,"
        " provider = r.provider, provider_message_id = r.provider_message_id,"
        " error_code = r.error_code, error = r.error, detail = r.detail,"
        " attempts = n.attempts - r.uncounted,"
        " retries = n.retries + r.retries, doubts = n.doubts + r.doubts,"
        " reached_devices = r.reached_devices,"
        f" due_at = CASE WHEN r.status = 'pending' THEN {now_sql(plus='r.retry_in')}"
        " ELSE n.due_at END, lease_until = NULL,"
        f" sent_at = CASE WHEN r.status = 'sent' THEN {now_sql()} ELSE n.sent_at END,"
        f" finished_at = CASE WHEN r.status = 'pending' THEN NULL ELSE {now_sql()} END,"
        " dead_lettered_at = NULL"
        f" FROM {json_rows_sql(_OUTCOME_COLUMNS)} AS r"
        f" WHERE n.id = r.id AND {with_ids_sql('n.id')} AND n.fence = r.fence"
        " AND (n.status = 'sending'"
        " OR (r.status = 'sent' AND n.status IN ('pending', 'queued', 'failed')))"
    )
    values = encode_rows([_outcome_row(each) for each in outcomes])
    ids = encode_ids([each.id for each in outcomes])
    rows = measure_sent(apply_change(update, [values, ids], returning=COUNTED))
    recorded = {as_uuid(row[0]): row[1] for row in rows}
    count_in_doubt(recorded[each.id] for each in outcomes if each.in_doubt and each.id in recorded)
    missing = [each for each in outcomes if each.id not in recorded]
    return [*recorded, *_settle_missing(missing)]


def _settle_missing(outcomes: Sequence[Outcome]) -> list[UUID]:
    """Return those that were recorded before (a commit whose answer was lost); note the late."""
    if not outcomes:
        return []
    standing = {
        as_uuid(row[0]): (row[1], row[2])
        for row in run(
            f"SELECT id, fence, status FROM {TABLE} WHERE {with_ids_sql('id')}",
            [encode_ids([each.id for each in outcomes])],
        )
    }
    recorded = [each for each in outcomes if standing.get(each.id) == (each.fence, each.status)]
    for outcome in outcomes:
        if outcome not in recorded:
            detail = {"outcome": outcome.status, "provider": outcome.provider}
            log_event(outcome.id, status="late", error=_storable(outcome.error), detail=detail)
    return [each.id for each in recorded]


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "fence": outcome.fence,
        "status": outcome.status,
        "reason": outcome.reason,
        "provider": outcome.provider,
        "provider_message_id": _storable(outcome.provider_message_id)[:255],
        "error_code": _storable(outcome.error_code)[:50],
        "error": _storable(outcome.error),
        "detail": _storable_detail(outcome.detail),
        "retry_in": outcome.retry_in,
        "retries": int(outcome.counts_as_retry),
        "doubts": int(outcome.in_doubt),
        "reached_devices": list(outcome.reached_devices),
        "uncounted": int(outcome.uncount_attempt),
    }


def _storable(text: str) -> str:
    """Return a provider's words as text that a database can hold."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _storable_detail(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_storable(str(key)): _storable_detail(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_detail(each) for each in value]
    return _storable(value) if isinstance(value, str) else value
