"""Bulk accept: one request, many recipients, one insert."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from apps.notifications.models import Batch
from apps.notifications.services.bulk_plan import Plan, Stored, plan_rows, store_rows
from apps.notifications.services.orders import UnreadBulkOrder, fingerprint
from apps.notifications.services.preparing import Preparation
from notifier.authentication import Principal
from notifier.errors import IdempotencyMismatch


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """`answer` is {batch_id, accepted, replayed, skipped, rejected: [{index, error, message}]}."""

    answer: dict[str, Any]
    replayed: bool


def accept_bulk(*, order: UnreadBulkOrder, principal: Principal) -> BulkResult:
    """Store a notification per recipient; a bad row is reported by its index and fails no other.

    The same bulk `request_id` returns the first answer, and another order under it raises
    IdempotencyMismatch; rows repeat by their own `request_id`. Raises NotFound for an unknown
    template and Unprocessable for one of the other channel.
    """
    batch = _describe_batch(order, principal)
    if (earlier := _batches_of_request(batch).first()) is not None:
        return _replay_batch(earlier, batch)
    plan = plan_rows(order, Preparation(principal=principal, batch_id=batch.pk))
    with transaction.atomic():  # the batch, its rows and its answer: all of them or none
        if batch.request_id is None or _insert_first(batch):
            batch.answer = _tell_result(batch, plan, store_rows(plan, principal))
            # Without a `request_id` the rows come first: their foreign key is checked at the end.
            batch.save(force_insert=batch.request_id is None)
            return BulkResult(answer=batch.answer, replayed=False)
    # Another request with this id was faster, and has answered by now.
    return _replay_batch(_batches_of_request(batch).get(), batch)


def _describe_batch(order: UnreadBulkOrder, principal: Principal) -> Batch:
    return Batch(
        organization_id=principal.organization_id,
        channel=order.notification_type,
        request_id=order.request_id,
        # Nothing is ever held against a batch that has no id to ask for it again.
        request_digest=fingerprint(order, mode=principal.mode) if order.request_id else "",
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


def _tell_result(batch: Batch, plan: Plan, stored: Stored) -> dict[str, Any]:
    return {
        "batch_id": str(batch.pk),
        "accepted": stored.accepted,
        "replayed": stored.replayed,
        "skipped": stored.skipped,
        "rejected": [
            {"index": index, "error": error.code, "message": error.message}
            for index, error in sorted(plan.rejected.items())
        ],
    }
