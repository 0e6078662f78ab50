"""Bulk accept: one request, many recipients, one insert."""

from dataclasses import dataclass
from typing import Any

from apps.notifications.models import Batch, Status
from apps.notifications.models.transitions import insert_accepted
from apps.notifications.services.accepting import find_earlier, require_same
from apps.notifications.services.orders import (
    BulkOrder,
    NotificationOrder,
    fingerprint,
    order_of_recipient,
)
from apps.notifications.services.preparing import Preparation, Row, prepare_row
from notifier.authentication import Principal
from notifier.errors import IdempotencyMismatch, NotifierError


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """`answer` is {batch_id, accepted, replayed, skipped, rejected: [{index, error, message}]}."""

    answer: dict[str, Any]
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why one row of a bulk request was not accepted."""

    index: int
    error: str
    message: str


def accept_bulk(*, order: BulkOrder, principal: Principal) -> BulkResult:
    """Store a notification per recipient; a bad row is reported by its index and fails no other.

    The same bulk `request_id` returns the first answer; rows repeat by their own `request_id`.
    """
    batch, is_first = _open_batch(order, principal)
    if not is_first and batch.answer:
        return BulkResult(answer=batch.answer, replayed=True)
    preparation = Preparation(principal=principal, batch_id=batch.pk)
    users = {each.user_id for each in order.recipients if each.user_id}
    preparation.load_users(users, channel=order.notification_type)
    orders = [order_of_recipient(order, each) for each in order.recipients]
    rows, rejections = _prepare_rows(orders, preparation)
    answer = _store_rows(batch, orders, rows, rejections, principal)
    Batch.objects.filter(pk=batch.pk).update(answer=answer)
    return BulkResult(answer=answer, replayed=False)


def _open_batch(order: BulkOrder, principal: Principal) -> tuple[Batch, bool]:
    digest = fingerprint(order, mode=principal.mode)
    values = {"channel": order.notification_type, "request_digest": digest}
    if order.request_id is None:
        return Batch.objects.create(organization_id=principal.organization_id, **values), True
    batch, created = Batch.objects.get_or_create(
        organization_id=principal.organization_id, request_id=order.request_id, defaults=values
    )
    if batch.request_digest != digest:
        raise IdempotencyMismatch("this request_id was used for another bulk request")
    return batch, created


def _prepare_rows(
    orders: list[NotificationOrder], preparation: Preparation
) -> tuple[dict[int, Row], list[Rejection]]:
    rows: dict[int, Row] = {}
    rejections: list[Rejection] = []
    for index, order in enumerate(orders):
        try:
            rows[index] = prepare_row(order, preparation)
        except NotifierError as error:
            rejections.append(Rejection(index=index, error=error.code, message=error.message))
    return rows, rejections


def _store_rows(
    batch: Batch,
    orders: list[NotificationOrder],
    rows: dict[int, Row],
    rejections: list[Rejection],
    principal: Principal,
) -> dict[str, Any]:
    stored = insert_accepted(list(rows.values())) if rows else {}
    left_out = {index: row for index, row in rows.items() if row["id"] not in stored}
    earlier = find_earlier([orders[index].request_id for index in left_out], principal)
    replayed = 0
    for index in left_out:
        try:
            require_same(earlier[orders[index].request_id], orders[index], principal)
            replayed += 1
        except IdempotencyMismatch as error:
            rejections.append(Rejection(index=index, error=error.code, message=error.message))
    skipped = sum(row["status"] == Status.SKIPPED for row in rows.values() if row["id"] in stored)
    return {
        "batch_id": str(batch.pk),
        "accepted": len(stored) - skipped,
        "replayed": replayed,
        "skipped": skipped,
        "rejected": [
            {"index": each.index, "error": each.error, "message": each.message}
            for each in sorted(rejections, key=lambda each: each.index)
        ],
    }
