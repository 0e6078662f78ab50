"""Runs rows one after the other on one installation and compares the ledgers after each."""

import importlib
import pkgutil
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.installation import Installation
from tests.faults import rows
from tests.faults.field import QUEUE_YOUTH_SECONDS, Field
from tests.faults.ledgers import Balance, balance_ledgers, describe_story
from tests.faults.registry import ROWS, Row
from tests.faults.report import Result
from tests.faults.traffic import ACCEPTED, Answer
from tests.standins.processes import FcmService, SmtpSink

LEASE_SECONDS = "6"


def load_rows() -> dict[str, Row]:
    """Return every row by its number, in the order of the fault table."""
    for module in pkgutil.iter_modules(rows.__path__):
        importlib.import_module(f"{rows.__name__}.{module.name}")
    order = sorted(ROWS, key=lambda number: (int(number.rstrip("abcd")), number))
    return {number: ROWS[number] for number in order}


@contextmanager
def open_installation(
    folder: Path, *, postgres: Postgres, rabbitmq: RabbitMQ, redis: Redis
) -> Iterator[Installation]:
    """Yield every role of a fresh installation on these servers, old enough to lose its broker."""
    whole = Installation(
        folder=folder,
        postgres=postgres,
        rabbitmq=rabbitmq,
        redis=redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings={"SEND_LEASE_SECONDS": LEASE_SECONDS},
    )
    try:
        whole.sink.start()
        whole.fcm.start()
        whole.start()
        time.sleep(QUEUE_YOUTH_SECONDS)
        yield whole
    finally:
        whole.stop()
        whole.sink.kill()
        whole.fcm.kill()


def run_row(row: Row, installation: Installation, *, seed: int, short: bool) -> Result:
    """Inject the fault, wait for recovery, compare the ledgers; a broken row is a failed one."""
    chance = random.Random(f"{seed}-{row.number}")  # noqa: S311  # no secret
    field = Field(installation=installation, chance=chance, row=row.number, short=short)
    result = Result(row=row.number, title=row.title, problems=field.problems, facts=field.facts)
    field.clean_up()
    begun_at = time.monotonic()
    try:
        _suffer_and_recover(row, field, result)
    except Exception as error:  # noqa: BLE001  # it is the row's result
        field.problems.append(f"{type(error).__name__}: {str(error)[:3000]}")
    finally:
        result.seconds = round(time.monotonic() - begun_at, 1)
        _compare(row, field, result)
        _measure_accepts(row, field, result)
        field.end_extras()
    return result


def _suffer_and_recover(row: Row, field: Field, result: Result) -> None:
    row.inject(field)
    returned_at = field.windows[-1][1] if field.windows else time.monotonic()
    probe_id = field.probe()
    result.recovered = round(time.monotonic() - returned_at, 1)
    if result.recovered > row.recover:
        story = describe_story(field.installation, probe_id)
        field.problems.append(f"not back within {row.recover:.0f} s: {story}")
    field.settle(limit=row.settle)
    result.settled = round(time.monotonic() - returned_at, 1)
    field.note_deaths()
    if row.verify:
        row.verify(field)


def _compare(row: Row, field: Field, result: Result) -> None:
    try:
        found = balance_ledgers(field.installation, field.accepted())
    except Exception as error:  # noqa: BLE001  # it is the row's result
        field.problems.append(f"the ledgers cannot be read: {error}")
        return
    _take_figures(found, result)
    field.expect(not found.lost, f"lost: {_few(found.lost)}")
    field.expect(not found.doubled, f"doubled: {_few(found.doubled)}")
    field.expect(not found.foreign, f"delivered without a row: {_few(found.foreign)}")
    field.expect(row.doubts or not found.in_doubt, f"in doubt: {_few(found.in_doubt)}")
    if row.all_delivered and found.delivered < found.accepted:
        field.problems.append(f"not all delivered: {dict(found.statuses)}")
    field.problems += [f"{id_}: {story}" for id_, story in found.evidence.items()]


def _take_figures(found: Balance, result: Result) -> None:
    result.accepted = found.accepted
    result.delivered = found.delivered
    result.lost = len(found.lost)
    result.doubled = len(found.doubled)
    result.in_doubt = len(found.in_doubt)
    result.doubled_in_doubt = len(found.doubled_in_doubt)


def _measure_accepts(row: Row, field: Field, result: Result) -> None:
    answers = [answer for traffic in field.traffics for answer in traffic.answers]
    during = sorted(a.seconds for a in answers if a.code in ACCEPTED and _began_in(a, field))
    if during:
        result.p99_ms = round(during[int(len(during) * 0.99)] * 1000, 1)
    if row.p99_ms is not None and (result.p99_ms or 0) > row.p99_ms:
        field.problems.append(f"accept p99 over {row.p99_ms:.0f} ms")
    for traffic in field.traffics:
        odd = {what: n for what, n in traffic.wrong.items() if what.startswith("HTTP")}
        field.expect(not odd, f"answers that the contract does not know: {odd}")
        field.expect(not traffic.unanswered, f"never accepted: {len(traffic.unanswered)}")
    refused = sum(answer.code not in ACCEPTED for answer in answers)
    if refused:
        result.facts["refused with 503"] = refused


def _began_in(answer: Answer, field: Field) -> bool:
    return any(begun_at <= answer.begun_at <= ended_at for begun_at, ended_at in field.windows)


def _few(ids: list[str]) -> str:
    return f"{len(ids)} ({', '.join(ids[:3])})"
