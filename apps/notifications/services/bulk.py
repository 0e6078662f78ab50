"""Bulk accept: one request, many recipients, one insert."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.notifications.models import Batch, Status
from apps.notifications.models.transitions import insert_accepted
from apps.notifications.services.accepting import find_earlier, require_same
from apps.notifications.services.orders import (
    NotificationOrder,
    UnreadBulkOrder,
    fingerprint,
    order_of_recipient,
)
from apps.notifications.services.preparing import (
    Preparation,
    Row,
    prepare_row,
    require_channel,
    skip_suppressed,
)
from apps.notifications.services.recipient_limits import find_overwritten
from apps.templates.services import get_template
from notifier.authentication import Principal
from notifier.errors import IdempotencyMismatch, InvalidRequest, NotifierError


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """`answer` is {batch_id, accepted, replayed, skipped, rejected: [{index, error, message}]}."""

    answer: dict[str, Any]
    replayed: bool


@dataclass(slots=True)
class Plan:
    """What is to become of each row of a bulk request, by its index."""

    orders: dict[int, NotificationOrder] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    rejected: dict[int, NotifierError] = field(default_factory=dict)

    def reject(self, index: int, error: NotifierError) -> None:
        self.rejected[index] = error


def accept_bulk(*, order: UnreadBulkOrder, principal: Principal) -> BulkResult:
    """Store a notification per recipient; a bad row is reported by its index and fails no other.

    The same bulk `request_id` returns the first answer, and another order under it raises
    IdempotencyMismatch; rows repeat by their own `request_id`. Raises NotFound for an unknown
    template and Unprocessable for one of the other channel.
    """
    batch = _describe_batch(order, principal)
    if (earlier := _batches_of_request(batch).first()) is not None:
        return _replay_batch(earlier, batch)
    plan = _plan_rows(order, Preparation(principal=principal, batch_id=batch.pk))
    with transaction.atomic():  # the batch, its rows and its answer: all of them or none
        if _insert_first(batch):
            batch.answer = _store_rows(batch, plan, principal)
            batch.save(update_fields=["answer"])
            return BulkResult(answer=batch.answer, replayed=False)
    # Another request with this id was faster, and has answered by now.
    return _replay_batch(_batches_of_request(batch).get(), batch)


def _describe_batch(order: UnreadBulkOrder, principal: Principal) -> Batch:
    return Batch(
        organization_id=principal.organization_id,
        channel=order.notification_type,
        request_id=order.request_id,
        request_digest=fingerprint(order, mode=principal.mode),
    )


def _batches_of_request(batch: Batch) -> "QuerySet[Batch, Batch]":
    mine = Batch.objects.filter(organization_id=batch.organization_id)
    return mine.filter(request_id=batch.request_id) if batch.request_id else mine.none()


def _replay_batch(earlier: Batch, batch: Batch) -> BulkResult:
    if earlier.request_digest != batch.request_digest:
        raise IdempotencyMismatch("this request_id was used for another bulk request")
    return BulkResult(answer=earlier.answer, replayed=True)


def _insert_first(batch: Batch) -> bool:
    """Store the batch; False if its `request_id` is taken, after waiting for who has it."""
    Batch.objects.bulk_create([batch], ignore_conflicts=True)
    return Batch.objects.filter(pk=batch.pk).exists()


def _plan_rows(order: UnreadBulkOrder, preparation: Preparation) -> Plan:
    template = get_template(
        organization_id=preparation.principal.organization_id, code=order.template_code
    )
    require_channel(template, order.notification_type)
    plan = _read_rows(order)
    users = {each.user_id for each in plan.orders.values() if each.user_id}
    preparation.load_users(users, channel=order.notification_type)
    for index, each in plan.orders.items():
        try:
            plan.rows[index] = prepare_row(each, preparation)
        except NotifierError as error:
            plan.reject(index, error)
    skip_suppressed(plan.rows.values(), preparation)
    _reject_overwritten(plan, preparation.principal)
    return plan


def _reject_overwritten(plan: Plan, principal: Principal) -> None:
    refused = find_overwritten(plan.rows.values(), principal)
    for index in [index for index, row in plan.rows.items() if row["id"] in refused]:
        plan.reject(index, refused[plan.rows.pop(index)["id"]])


def _read_rows(order: UnreadBulkOrder) -> Plan:
    plan = Plan()
    for index, row in enumerate(order.recipients):
        try:
            plan.orders[index] = order_of_recipient(order, row)
        except InvalidRequest as error:
            plan.reject(index, error)
    return plan


def _store_rows(batch: Batch, plan: Plan, principal: Principal) -> dict[str, Any]:
    # In one order for everybody: two batches with the same request ids, each waiting for one
    # that the other has inserted, would be a deadlock.
    rows = sorted(plan.rows.values(), key=lambda row: row["request_id"] or "")
    stored = insert_accepted(rows) if rows else {}
    replayed = _count_replayed(plan, set(stored), principal)
    new = [row for row in rows if row["id"] in stored]
    skipped = sum(row["status"] == Status.SKIPPED for row in new)
    return {
        "batch_id": str(batch.pk),
        "accepted": len(new) - skipped,
        "replayed": replayed,
        "skipped": skipped,
        "rejected": [
            {"index": index, "error": error.code, "message": error.message}
            for index, error in sorted(plan.rejected.items())
        ],
    }


def _count_replayed(plan: Plan, stored: set[UUID], principal: Principal) -> int:
    """Count rows that were accepted before; reject those whose `request_id` means another."""
    left_out = [index for index, row in plan.rows.items() if row["id"] not in stored]
    earlier = find_earlier([plan.orders[index].request_id for index in left_out], principal)
    replayed = 0
    for index in left_out:
        order = plan.orders[index]
        try:
            require_same(earlier[order.request_id], order, principal)
            replayed += 1
        except IdempotencyMismatch as error:
            plan.reject(index, error)
    return replayed
