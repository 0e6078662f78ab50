"""What a person changes: cancel, replay, discard."""

from collections.abc import Sequence
from uuid import UUID

from apps.notifications.models.change import TABLE, apply_change
from apps.notifications.models.measuring import COUNTED, measure_outcomes
from notifier.sql import (
    as_uuid,
    encode_ids,
    encode_rows,
    json_rows_sql,
    now_sql,
    unindexed_sql,
    with_ids_sql,
)


def cancel_pending(notification_id: UUID) -> bool:
    """Move pending → cancelled; False from any other state."""
    update = (
        f"UPDATE {TABLE} AS n SET status = 'cancelled', reason = 'requested',"
        f" finished_at = {now_sql()} WHERE {with_ids_sql('n.id')}"
        f" AND {unindexed_sql('n.status')} = 'pending'"
    )
    rows = apply_change(update, [encode_ids([notification_id])], returning=COUNTED)
    return bool(measure_outcomes(rows))


def replay_failed(
    ids: Sequence[UUID], *, discarded_too: bool = False, per_second: float | None = None
) -> list[UUID]:
    """Move failed → pending, as if it had just been accepted; returns the ids that were changed.

    What was discarded stays discarded unless it is asked for. A push that failed has surely
    reached no device, so each gets it again. With `per_second` each is due in its turn.
    """
    pause = 1 / per_second if per_second else 0.0
    turns = [{"id": id_, "wait": place * pause} for place, id_ in enumerate(ids)]
    undiscarded = "" if discarded_too else "AND n.discarded_at IS NULL"
    update = (
        f"UPDATE {TABLE} AS n SET status = 'pending', reason = 'replay', retries = 0, doubts = 0,"
        " error_code = '', error = '', provider = '', detail = '{}', reached_devices = '[]',"
        " dead_lettered_at = NULL,"
        " discarded_at = NULL, finished_at = NULL, expires_at = NULL,"
        f" due_at = {now_sql(plus='r.wait')}"
        f" FROM {json_rows_sql({'id': 'uuid', 'wait': 'double precision'})} AS r"
        f" WHERE n.id = r.id AND n.status = 'failed' {undiscarded}"
    )
    return [as_uuid(row[0]) for row in apply_change(update, [encode_rows(turns)], wakes=True)]


def discard_failed(ids: Sequence[UUID], *, explanation: str) -> list[UUID]:
    """Take failed notifications out of the dead letters for good; they stay `failed`."""
    update = (
        f"UPDATE {TABLE} AS n SET reason = 'discarded', detail = %s, discarded_at = {now_sql()}"
        f" WHERE {with_ids_sql('n.id')} AND {unindexed_sql('n.status')} = 'failed'"
        " AND n.discarded_at IS NULL"
    )
    detail = encode_rows([{"explanation": explanation}])[1:-1]
    return [as_uuid(row[0]) for row in apply_change(update, [detail, encode_ids(ids)])]
