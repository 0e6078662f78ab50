"""Workers: claims and their leases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change, as_datetime, run_often
from notifier.sql import (
    among_sql,
    as_uuid,
    encode_ids,
    encode_rows,
    is_postgresql,
    json_rows_sql,
    now_sql,
    unindexed_sql,
    with_ids_sql,
)


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
        f"SELECT id FROM {TABLE} WHERE {with_ids_sql('id')}"
        f" AND {unindexed_sql('status')} = 'queued' ORDER BY id"
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


def renew_claims(fences: Mapping[UUID, int], *, lease_seconds: float) -> set[UUID]:
    """Hold claims for another lease; return those that are still ours.

    No status changes, so there is no event.
    """
    rows = [{"id": id_, "fence": fence} for id_, fence in fences.items()]
    held = run_often(
        f"UPDATE {TABLE} AS n SET lease_until = {now_sql(plus='%s')}"
        f" {_of_claims_sql()}"
        f" RETURNING {'n.id' if is_postgresql() else 'id'}",
        [lease_seconds, encode_rows(rows), encode_ids(list(fences))],
    )
    return {as_uuid(row[0]) for row in held}


def release_claims(fences: Mapping[UUID, int]) -> None:
    """Move sending → pending for claims that were not begun; the attempt does not count."""
    rows = [{"id": id_, "fence": fence} for id_, fence in fences.items()]
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'released',"
        f" attempts = n.attempts - 1, lease_until = NULL {_of_claims_sql()}"
    )
    apply_change(update, [encode_rows(rows), encode_ids(list(fences))], wakes=True)


def _of_claims_sql() -> str:
    """SQL that names the rows of claims that hold, over their rows (id, fence) and their ids."""
    return (
        f"FROM {json_rows_sql({'id': 'uuid', 'fence': 'integer'})} AS r WHERE n.id = r.id"
        f" AND n.fence = r.fence AND {with_ids_sql('n.id')}"
        f" AND {unindexed_sql('n.status')} = 'sending'"
    )
