"""Sending to the rows of a CSV file: in chunks, into one batch, so that it can be resumed.

Each row's `request_id` is the batch's name and the row's line, unless a column gives one. Whatever
was accepted before is recognized by it: the same file may be sent again after any interruption.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, Final

from django.db import transaction

from apps.notifications.models import Batch, Status
from apps.notifications.services.bulk_plan import Plan, Stored, plan_rows, store_rows
from apps.notifications.services.csv_reading import CsvFile, CsvRow, read_rows
from apps.notifications.services.orders import UnreadBulkOrder
from apps.notifications.services.preparing import Preparation
from notifier.api.bodies import convert_part
from notifier.authentication import Principal
from notifier.encryption_lasting import blind_index
from notifier.errors import IdempotencyMismatch

CHUNK_ROWS: Final = 1_000
CHUNK_CHARACTERS: Final = 4 * 1024 * 1024
KEPT_REJECTIONS: Final = 1_000  # in the batch's answer; the report beside the file has all
_ADDRESS: Final = ("email", "push_token", "platform")
RESERVED: Final = frozenset({*_ADDRESS, "user_id", "request_id", "language"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is sent to the rows of a file, and under which name (letters, digits and `._-`)."""

    channel: str
    template_code: str
    name: str
    priority: int = 5
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A row that nothing was sent to, and why."""

    row: CsvRow
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """What became of some rows; `rows` counts them all."""

    rows: int
    stored: Stored
    rejected: list[Rejection] = field(default_factory=list)


def name_upload(csv: CsvFile, *, channel: str, template_code: str) -> str:
    """Return the name under which the same file with the same template is the same upload."""
    what = f"{csv.digest}|{channel}|{template_code}"
    return f"csv-{sha256(what.encode()).hexdigest()[:24]}"


@transaction.atomic
def open_batch(*, upload: Upload, csv: CsvFile, principal: Principal) -> Batch:
    """Return the upload's batch, with the counts of this run at zero.

    Raises IdempotencyMismatch where the name was used for another file or other options.
    """
    about = [csv.digest, upload.channel, upload.template_code, str(upload.priority)]
    digest = blind_index("|".join([*about, upload.language or "", principal.mode]))
    # Locked: another run of the same upload may be counting into it.
    batch, _ = Batch.objects.select_for_update().get_or_create(
        organization_id=principal.organization_id,
        request_id=upload.name,
        defaults={"channel": upload.channel, "request_digest": digest},
    )
    if batch.request_digest != digest:
        raise IdempotencyMismatch(
            f"{upload.name} was begun with another file or with other options (template, channel,"
            " priority, language): repeat it as it was, or give it another name"
        )
    found = {"replayed": 0, "rejected": [], "rejected_total": 0, "rows": csv.rows}
    kept = {name: batch.answer.get(name, 0) for name in ("accepted", "skipped")}
    batch.answer = {"batch_id": str(batch.pk), **kept, **found}
    batch.save(update_fields=["answer"])
    return batch


def send_rows(
    file: BinaryIO, *, csv: CsvFile, upload: Upload, batch: Batch, principal: Principal
) -> Iterator[ChunkResult]:
    """Accept the rows chunk by chunk; each is committed when it is yielded.

    Raises NotFound for an unknown template and Unprocessable for one of the other channel.
    """
    for rows in _cut_chunks(file, csv):
        order, good = _build_order(rows, csv, upload)
        preparation = Preparation(principal=principal, batch_id=batch.pk)
        plan = plan_rows(order, preparation) if good else Plan()
        with transaction.atomic():
            locked = Batch.objects.select_for_update().get(pk=batch.pk)
            stored = store_rows(plan, principal)
            result = _tell_chunk(rows, good, plan, stored)
            locked.answer = _add_to_answer(locked.answer, result)
            locked.save(update_fields=["answer"])
        yield result


def check_rows(
    file: BinaryIO, *, csv: CsvFile, upload: Upload, principal: Principal
) -> Iterator[ChunkResult]:
    """Do the same without storing anything; nothing counts against anybody's limits either."""
    for rows in _cut_chunks(file, csv):
        order, good = _build_order(rows, csv, upload)
        preparation = Preparation(principal=principal)
        plan = plan_rows(order, preparation, counts=False) if good else Plan()
        skipped = sum(row["status"] == Status.SKIPPED for row in plan.rows.values())
        accepted = len(plan.rows) - skipped
        stored = Stored(accepted=accepted, skipped=skipped, replayed=0)
        yield _tell_chunk(rows, good, plan, stored)


def _cut_chunks(file: BinaryIO, csv: CsvFile) -> Iterator[list[CsvRow]]:
    rows: list[CsvRow] = []
    characters = 0
    for row in read_rows(file, names=csv.names, delimiter=csv.delimiter):
        rows.append(row)
        characters += sum(map(len, row.fields))
        if len(rows) >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield rows
            rows, characters = [], 0
    if rows:
        yield rows


def _build_order(
    rows: Sequence[CsvRow], csv: CsvFile, upload: Upload
) -> tuple[UnreadBulkOrder, list[CsvRow]]:
    """Return the bulk order of the rows that have as many fields as the header, and those rows."""
    good = [row for row in rows if not row.fault]
    recipients: list[Any] = [_build_recipient(row, csv.names, upload) for row in good]
    order = {
        "notification_type": upload.channel,
        "template_code": upload.template_code,
        "priority": upload.priority,
        "recipients": recipients or [None],
    }
    return convert_part(order, UnreadBulkOrder), good


def _build_recipient(row: CsvRow, names: Sequence[str], upload: Upload) -> dict[str, Any]:
    values = dict(zip(names, row.fields, strict=True))
    given = {name: values.get(name, "").strip() for name in RESERVED}
    to = {name: given[name] for name in _ADDRESS if given[name]}
    return {
        "user_id": given["user_id"] or None,
        "to": to or None,
        "variables": {name: value for name, value in values.items() if name not in RESERVED},
        "request_id": given["request_id"] or f"{upload.name}:{row.line}",
        "language": given["language"] or upload.language,
    }


def _tell_chunk(
    rows: Sequence[CsvRow], good: Sequence[CsvRow], plan: Plan, stored: Stored
) -> ChunkResult:
    rejected = [
        Rejection(row=row, error="validation_error", message=row.fault)
        for row in rows
        if row.fault
    ]
    rejected += [
        Rejection(row=good[index], error=error.code, message=error.message)
        for index, error in plan.rejected.items()
    ]
    rejected.sort(key=lambda each: each.row.line)
    return ChunkResult(rows=len(rows), stored=stored, rejected=rejected)


def _add_to_answer(answer: dict[str, Any], result: ChunkResult) -> dict[str, Any]:
    rejected = [
        {"index": each.row.line, "error": each.error, "message": each.message}
        for each in result.rejected
    ]
    return {
        **answer,
        "accepted": answer["accepted"] + result.stored.accepted,
        "skipped": answer["skipped"] + result.stored.skipped,
        "replayed": answer["replayed"] + result.stored.replayed,
        "rejected": (answer["rejected"] + rejected)[:KEPT_REJECTIONS],
        "rejected_total": answer["rejected_total"] + len(rejected),
    }
