"""How a notification moves from accept to its end: accept, relay, workers and sweep.

Each transition is one conditional UPDATE; conditions make it safe to repeat: what another process
has already moved on is simply not returned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change, as_datetime, log_event
from notifier.sql import (
    among_sql,
    as_uuid,
    encode_ids,
    encode_rows,
    ids_sql,
    is_postgresql,
    json_rows_sql,
    now_sql,
    run,
    skip_locked_sql,
)

# How long a published message may stay unclaimed before the row is published again.
REPUBLISH_AFTER_SECONDS = 60
# How many rows one statement of the sweep takes: the next one, seconds later, takes the next.
SWEEP_AT_ONCE = 5000
# A notification that takes its worker down must not do so for ever (spec section 4: six tries).
MAX_DOUBTS = 5

_NEW_COLUMNS = {
    "id": "uuid",
    "organization_id": "uuid",
    "batch_id": "uuid",
    "channel": "text",
    "mode": "text",
    "priority": "smallint",
    "correlation_id": "text",
    "request_id": "text",
    "request_digest": "text",
    "user_id": "uuid",
    "recipient": "text",
    "platform": "text",
    "template_version_id": "uuid",
    "template_code": "text",
    "language": "text",
    "content": "jsonb",
    "variables": "jsonb",
    "metadata": "jsonb",
    "delivery_guarantee": "text",
    "status": "text",
    "reason": "text",
    "due_at": "timestamptz",
    "expires_at": "timestamptz",
}
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one claimed notification.

    `retry_in` (seconds) goes with the status pending; `counts_as_retry` says whether the wait
    uses up one of the retries (parking does not).
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


@dataclass(frozen=True, slots=True)
class DueNotification:
    """A notification that was just taken for publishing."""

    id: UUID
    priority: int
    due_at: datetime
    correlation_id: str
    # Sent in a message of its own: it must never be repeated because of a neighbour, or may be
    # what took its worker down before.
    travels_alone: bool = False


def insert_accepted(rows: Sequence[Mapping[str, Any]]) -> dict[UUID, datetime]:
    """Store new notifications (column → value) with their first event, and wake the relay.

    Returns ids and creation times of those stored; a row whose `request_id` its organization
    has already used is left out, decided by the unique constraint alone.
    """
    columns = ", ".join(_NEW_COLUMNS)
    values = ", ".join(_new_value(name) for name in _NEW_COLUMNS)
    insert = (
        f"INSERT INTO {TABLE} AS n ({columns}, created_at, finished_at, attempts, retries, doubts,"
        " fence, provider, provider_message_id, error_code, error, detail, reached_devices)"
        f" SELECT {values}, {now_sql()},"
        f" CASE WHEN r.status = 'pending' THEN NULL ELSE {now_sql()} END,"
        " 0, 0, 0, 0, '', '', '', '', '{}', '[]'"
        f" FROM {json_rows_sql(_NEW_COLUMNS)} AS r WHERE true ON CONFLICT DO NOTHING"
    )
    stored = apply_change(insert, [encode_rows(rows)], returning="id, created_at", wakes=True)
    return {as_uuid(row[0]): as_datetime(row[1]) for row in stored}


def take_due(*, channel: str, limit: int) -> list[DueNotification]:
    """Move pending → queued, most urgent first: the caller publishes what is returned."""
    due = (
        f"SELECT id FROM {TABLE} WHERE status = 'pending' AND channel = %s"
        f" AND due_at <= {now_sql()} AND (expires_at IS NULL OR expires_at > {now_sql()})"
        f" ORDER BY priority DESC, due_at LIMIT %s {skip_locked_sql()}"
    )
    update = (
        f"UPDATE {TABLE} AS n SET status = 'queued', reason = '', error_code = '', error = '',"
        " provider = '', detail = '{}',"
        f" lease_until = {now_sql(plus=str(REPUBLISH_AFTER_SECONDS))}"
        f" WHERE {among_sql('n.id', due)}"
    )
    alone = "doubts > 0 OR delivery_guarantee = 'at_most_once'"
    rows = apply_change(
        update, [channel, limit], returning=f"id, priority, due_at, correlation_id, {alone}"
    )
    taken = [DueNotification(as_uuid(i), p, as_datetime(d), c, bool(a)) for i, p, d, c, a in rows]
    return sorted(taken, key=lambda row: (-row.priority, row.due_at, row.id))


def return_unpublished(ids: Sequence[UUID]) -> None:
    """Move queued → pending: the broker did not confirm the message."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'broker_unavailable',"
        f" lease_until = NULL WHERE n.id IN ({ids_sql()}) AND n.status = 'queued'"
    )
    apply_change(update, [encode_ids(ids)])


@dataclass(frozen=True, slots=True)
class Claims:
    """What a worker may send now: id → fence, and the time by the database's clock."""

    fences: dict[UUID, int]
    claimed_at: datetime


def claim(ids: Sequence[UUID], *, lease_seconds: float) -> Claims:
    """Move queued → sending for those that are still to be sent.

    Committed before the first byte leaves. Counts the attempt and takes the lease. A message that
    arrives twice, late or for a settled notification claims nothing.
    """
    mine = (
        f"SELECT id FROM {TABLE} WHERE id IN ({ids_sql()}) AND status = 'queued' ORDER BY id"
        f"{' FOR UPDATE' if is_postgresql() else ''}"
    )
    update = (
        f"UPDATE {TABLE} AS n SET status = 'sending', attempts = attempts + 1,"
        " fence = fence + 1, reason = '', error_code = '', error = '', provider = '',"
        f" detail = '{{}}', lease_until = {now_sql(plus='%s')} WHERE {among_sql('n.id', mine)}"
    )
    rows = apply_change(
        update, [lease_seconds, encode_ids(ids)], returning=f"id, fence, {now_sql()}"
    )
    claimed_at = as_datetime(rows[0][2]) if rows else datetime.fromtimestamp(0, tz=UTC)
    return Claims({as_uuid(row[0]): row[1] for row in rows}, claimed_at)


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
        " retries = n.retries + r.retries, doubts = n.doubts + r.doubts,"
        " reached_devices = r.reached_devices,"
        f" due_at = {now_sql(plus='r.retry_in')}, lease_until = NULL,"
        f" sent_at = CASE WHEN r.status = 'sent' THEN {now_sql()} ELSE n.sent_at END,"
        f" finished_at = CASE WHEN r.status = 'pending' THEN NULL ELSE {now_sql()} END,"
        " dead_lettered_at = NULL"
        f" FROM {json_rows_sql(_OUTCOME_COLUMNS)} AS r"
        " WHERE n.id = r.id AND n.fence = r.fence AND (n.status = 'sending'"
        " OR (r.status = 'sent' AND n.status IN ('pending', 'queued', 'failed')))"
    )
    rows = apply_change(update, [encode_rows([_outcome_row(each) for each in outcomes])])
    recorded = {as_uuid(row[0]) for row in rows}
    missing = [each for each in outcomes if each.id not in recorded]
    return [*recorded, *_settle_missing(missing)]


def renew_claims(fences: Mapping[UUID, int], *, lease_seconds: float) -> set[UUID]:
    """Hold claims for another lease; return those that are still ours.

    No status changes, so there is no event.
    """
    rows = [{"id": id_, "fence": fence} for id_, fence in fences.items()]
    held = run(
        f"UPDATE {TABLE} AS n SET lease_until = {now_sql(plus='%s')}"
        f" FROM {json_rows_sql({'id': 'uuid', 'fence': 'integer'})} AS r"
        f" WHERE n.id = r.id AND n.fence = r.fence AND n.status = 'sending'"
        f" RETURNING {'n.id' if is_postgresql() else 'id'}",
        [lease_seconds, encode_rows(rows)],
    )
    return {as_uuid(row[0]) for row in held}


def release_claims(fences: Mapping[UUID, int]) -> None:
    """Move sending → pending for claims that were not begun; the attempt does not count."""
    rows = [{"id": id_, "fence": fence} for id_, fence in fences.items()]
    source = json_rows_sql({"id": "uuid", "fence": "integer"})
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'released',"
        f" attempts = n.attempts - 1, lease_until = NULL FROM {source} AS r"
        " WHERE n.id = r.id AND n.fence = r.fence AND n.status = 'sending'"
    )
    apply_change(update, [encode_rows(rows)], wakes=True)


def recover_unclaimed(*, at_once: bool = False) -> int:
    """Move queued → pending where no worker claimed the message in time (lost, purged, expired).

    `at_once` does not wait: for a broker that lived in a process which is gone.
    """
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'not_claimed', lease_until = NULL"
        f" WHERE {among_sql('n.id', _overdue('queued', at_once=at_once))}"
    )
    return len(apply_change(update, [], wakes=True))


def recover_in_doubt(*, at_once: bool = False) -> int:
    """Move sending → pending or failed where the worker died.

    Nobody knows whether the provider took it. Sent again with the same Message-ID, unless the
    notification says at most once, or has been in doubt too often.
    """
    gives_up = f"(n.delivery_guarantee = 'at_most_once' OR n.doubts >= {MAX_DOUBTS})"
    update = (
        f"UPDATE {TABLE} AS n SET reason = 'in_doubt', error_code = 'in_doubt',"
        " error = 'the worker was lost while it held this notification; the provider may have"
        " taken it', doubts = n.doubts + 1, lease_until = NULL,"
        f" status = CASE WHEN {gives_up} THEN 'failed' ELSE 'pending' END,"
        f" finished_at = CASE WHEN {gives_up} THEN {now_sql()} END,"
        f" due_at = {now_sql()}, dead_lettered_at = NULL"
        f" WHERE {among_sql('n.id', _overdue('sending', at_once=at_once))}"
    )
    return len(apply_change(update, [], wakes=True))


def expire_overdue() -> int:
    """Move pending → expired: `expires_at` has passed."""
    overdue = (
        f"SELECT id FROM {TABLE} WHERE status = 'pending' AND expires_at <= {now_sql()}"
        f" LIMIT {SWEEP_AT_ONCE} {skip_locked_sql()}"
    )
    update = (
        f"UPDATE {TABLE} AS n SET status = 'expired', reason = 'expires_at_passed',"
        f" finished_at = {now_sql()} WHERE {among_sql('n.id', overdue)}"
    )
    return len(apply_change(update, []))


def _overdue(status: str, *, at_once: bool) -> str:
    """Rows in flight that nobody answers for; a row that is locked elsewhere is left for later."""
    condition = "" if at_once else f"AND lease_until < {now_sql()}"
    limit = "" if at_once else f"LIMIT {SWEEP_AT_ONCE}"
    return (
        f"SELECT id FROM {TABLE} WHERE status = '{status}' {condition} {limit} {skip_locked_sql()}"
    )


def _settle_missing(outcomes: Sequence[Outcome]) -> list[UUID]:
    """Return those that were recorded before (a commit whose answer was lost); note the late."""
    if not outcomes:
        return []
    standing = {
        as_uuid(row[0]): (row[1], row[2])
        for row in run(
            f"SELECT id, fence, status FROM {TABLE} WHERE id IN ({ids_sql()})",
            [encode_ids([each.id for each in outcomes])],
        )
    }
    recorded = [each for each in outcomes if standing.get(each.id) == (each.fence, each.status)]
    for outcome in outcomes:
        if outcome not in recorded:
            detail = {"outcome": outcome.status, "provider": outcome.provider}
            log_event(outcome.id, status="late", error=_storable(outcome.error), detail=detail)
    return [each.id for each in recorded]


def _new_value(name: str) -> str:
    return f"COALESCE(r.due_at, {now_sql()})" if name == "due_at" else f"r.{name}"


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
