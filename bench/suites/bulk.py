"""Bulk accepts: ours, COPY of the same rows, and row by row through the ORM."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import monotonic
from typing import Any

from bench import content
from bench.baselines.naive_app import build_naive_order, run_naive
from bench.bench_run import BenchRun, Variant
from bench.copying import Block, copy_block, read_blocks
from bench.load.posting import encode_bodies, send_bodies
from bench.measured import Measured
from bench.product import DATABASE, run_product


def bulk_ours(clients: int) -> Variant:
    """Return the variant that posts bulk requests from so many clients at once."""

    def measure(run: BenchRun) -> Measured:
        with run_product(run) as product:
            total = run.sizes.bulk_requests * run.sizes.bulk_rows
            warm_up, *bodies = encode_bodies(
                build_bulk_orders(
                    product.seed.user_ids, total + run.sizes.bulk_rows, rows=run.sizes.bulk_rows
                )
            )
            send_bodies(product.open_client, "/notifications/bulk", [warm_up], clients=1)
            with run.window(product.crew, profile_as="bulk") as watch:
                seconds = send_bodies(
                    product.open_client, "/notifications/bulk", bodies, clients=clients
                )
                return Measured(figures={"rate": total / seconds}, cpu=watch.read_percent())

    return measure


def build_bulk_orders(
    user_ids: Sequence[str], total: int, *, rows: int, mark: str = "bulk"
) -> Iterator[dict[str, Any]]:
    """Yield bodies of `rows` recipients, each with variables and a request id of its own.

    To users in turn; without any, to addresses.
    """
    for start in range(0, total, rows):
        numbers = range(start, min(start + rows, total))
        yield {
            "notification_type": "email",
            "template_code": content.TEMPLATE_CODE,
            "recipients": [
                {
                    **_choose_recipient(user_ids, number),
                    "variables": content.build_variables(f"{mark}-{number}"),
                    "request_id": f"{mark}-{number}",
                }
                for number in numbers
            ],
        }


def _choose_recipient(user_ids: Sequence[str], number: int) -> dict[str, Any]:
    if user_ids:
        return {"user_id": user_ids[number % len(user_ids)]}
    return {"to": {"email": f"customer-{number}@example.org"}}


def bulk_copy(clients: int) -> Variant:
    """Return the variant that copies the rows which such a request stored into our own tables."""

    def measure(run: BenchRun) -> Measured:
        with run_product(run) as product:
            body = encode_bodies(
                build_bulk_orders(
                    product.seed.user_ids, run.sizes.bulk_rows, rows=run.sizes.bulk_rows
                )
            )
            send_bodies(product.open_client, "/notifications/bulk", body, clients=1)
            with run.ground.connect(DATABASE) as connection:
                blocks = read_blocks(connection, count_of_blocks=run.sizes.copy_transactions)
            with run.window(product.crew) as watch:
                seconds = _copy_all(run, blocks, clients=clients)
                rate = run.sizes.bulk_rows * len(blocks) / seconds
                return Measured(figures={"rate": rate}, cpu=watch.read_percent())

    return measure


def _copy_all(run: BenchRun, blocks: Sequence[Block], *, clients: int) -> float:
    def copy_share(share: Sequence[Block]) -> None:
        with run.ground.connect(DATABASE) as connection:
            for block in share:
                copy_block(connection, block)

    with ThreadPoolExecutor(max_workers=clients) as pool:
        begun_at = monotonic()
        list(pool.map(copy_share, [blocks[number::clients] for number in range(clients)]))
    return monotonic() - begun_at


def bulk_orm(clients: int) -> Variant:
    """Return the variant of the straightforward app, on the same server as ours."""

    def measure(run: BenchRun) -> Measured:
        with run_naive(run, server="granian") as app:
            numbers = count()
            rows, requests = run.sizes.bulk_rows, run.sizes.orm_requests * clients
            bodies = encode_bodies(
                _build_naive_bulk(lambda: next(numbers), rows=rows, users=app.users)
                for _ in range(requests)
            )
            with run.window(app.crew) as watch:
                seconds = send_bodies(
                    app.open_client, "/notifications/bulk", bodies, clients=clients
                )
                rate = rows * requests / seconds
                return Measured(figures={"rate": rate}, cpu=watch.read_percent())

    return measure


def _build_naive_bulk(next_number: Callable[[], int], *, rows: int, users: int) -> dict[str, Any]:
    orders = []
    for _ in range(rows):
        number = next_number()
        orders.append(build_naive_order(mark=f"bulk-{number}", user_id=number % users + 1))
    return {
        "notification_type": "email",
        "template_code": content.TEMPLATE_CODE,
        "recipients": orders,
    }
