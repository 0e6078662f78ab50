"""What is to become of each row of a bulk request: a plan, and carrying it out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from apps.notifications.models import Status
from apps.notifications.models.transitions import insert_batch
from apps.notifications.services.accepting import find_earlier
from apps.notifications.services.bulk_lookups import find_used
from apps.notifications.services.bulk_rows import BulkRows
from apps.notifications.services.orders import BulkRecipient, UnreadBulkOrder, order_of_recipient
from apps.notifications.services.preparing import (
    Preparation,
    Row,
    prepare_row,
    require_channel,
    skip_suppressed,
)
from apps.notifications.services.recipient_limits import find_overwritten
from notifier.api.bodies import convert_part
from notifier.authentication import Principal
from notifier.errors import IdempotencyMismatch, InvalidRequest, NotifierError
from notifier.structs import convert


@dataclass(slots=True, kw_only=True)
class Plan:
    """Rows to store and errors to report, each by its index in the request."""

    rows: dict[int, Row] = field(default_factory=dict)
    rejected: dict[int, NotifierError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How many rows became notifications, to be sent or not, and how many had been before."""

    accepted: int
    skipped: int
    replayed: int


def plan_rows(order: UnreadBulkOrder, preparation: Preparation, *, counts: bool = True) -> Plan:
    """Return what is to be stored; a bad row is reported by its index and fails no other.

    What is only looked at (`counts=False`) does not count against limits.
    Raises NotFound for an unknown template and Unprocessable for one of the other channel.
    """
    require_channel(preparation.load_template(order.template_code), order.notification_type)
    plan = Plan()
    _describe_rows(plan, order, preparation)
    skip_suppressed(plan.rows.values(), preparation)
    if counts:
        _reject_overwritten(plan, preparation.principal)
    return plan


def store_rows(plan: Plan, principal: Principal) -> Stored:
    """Store the plan's rows; reject those whose `request_id` stands for another notification."""
    # In one order for everybody: two batches with the same request ids, each waiting for one
    # that the other has inserted, would be a deadlock.
    rows = sorted(plan.rows.values(), key=lambda row: row["request_id"] or "")
    ids = insert_batch(rows) if rows else set()
    new = rows if len(ids) == len(rows) else [row for row in rows if row["id"] in ids]
    skipped = sum(row["status"] == Status.SKIPPED for row in new)
    replayed = 0 if new is rows else _count_replayed(plan, ids, principal)
    return Stored(accepted=len(new) - skipped, skipped=skipped, replayed=replayed)


def _describe_rows(plan: Plan, order: UnreadBulkOrder, preparation: Preparation) -> None:
    recipients = dict(_read_recipients(order, plan))
    rows = BulkRows(order, preparation)
    rows.load_users({each.user_id for each in recipients.values() if each.user_id})
    unusual: dict[int, BulkRecipient] = {}
    for index, recipient in recipients.items():
        row = rows.describe_plain(recipient)
        if row is None:
            unusual[index] = recipient
        else:
            plan.rows[index] = row
    _prepare_unusual(plan, order, unusual, preparation)


def _read_recipients(order: UnreadBulkOrder, plan: Plan) -> Iterator[tuple[int, BulkRecipient]]:
    try:
        yield from enumerate(convert(order.recipients, list[BulkRecipient]))
    except msgspec.ValidationError:  # of one row at least: which, only one by one can tell
        for index, row in enumerate(order.recipients):
            try:
                yield index, convert_part(row, BulkRecipient)
            except InvalidRequest as error:
                plan.rejected[index] = error


def _prepare_unusual(
    plan: Plan,
    order: UnreadBulkOrder,
    unusual: dict[int, BulkRecipient],
    preparation: Preparation,
) -> None:
    users = {each.user_id for each in unusual.values() if each.user_id}
    preparation.load_users(users, channel=order.notification_type)
    for index, recipient in unusual.items():
        try:
            plan.rows[index] = prepare_row(order_of_recipient(order, recipient), preparation)
        except NotifierError as error:
            plan.rejected[index] = error


def _reject_overwritten(plan: Plan, principal: Principal) -> None:
    refused = find_overwritten(_list_new(plan, principal), principal)
    for index in [i for i, row in plan.rows.items() if row["id"] in refused] if refused else ():
        plan.rejected[index] = refused[plan.rows.pop(index)["id"]]


def _list_new(plan: Plan, principal: Principal) -> Iterator[Row]:
    """Yield the rows that were not accepted before; looked up only where there is a limit."""
    request_ids = {row["request_id"] for row in plan.rows.values()} - {None}
    used = find_used(request_ids, organization_id=principal.organization_id)
    yield from (row for row in plan.rows.values() if row["request_id"] not in used)


def _count_replayed(plan: Plan, stored: set[UUID], principal: Principal) -> int:
    """Count rows that were accepted before; reject those whose `request_id` means another."""
    left_out = {index: row for index, row in plan.rows.items() if row["id"] not in stored}
    earlier = find_earlier([row["request_id"] for row in left_out.values()], principal)
    for index, row in left_out.items():
        if earlier[row["request_id"]].request_digest != row["request_digest"]:
            plan.rejected[index] = IdempotencyMismatch(
                "this request_id was used for another notification"
            )
    return sum(index not in plan.rejected for index in left_out)
