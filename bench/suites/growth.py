"""The steps of one notification on a ledger of a thousand and on one of millions."""

import json

from bench.bench_run import BenchRun, Variant
from bench.crew import python_role
from bench.growing import SEED_REQUEST, grow_ledger
from bench.measured import Measured
from bench.product import (
    SEEDED_DATABASE,
    Product,
    build_mail_order,
    describe_product,
    seed_product,
)

SMALL_ROWS = 1_000


def grow_small(run: BenchRun) -> Measured:
    return _measure_ledger(SMALL_ROWS)(run)


def grow_large(run: BenchRun) -> Measured:
    return _measure_ledger(run.sizes.grown_rows)(run)


def _measure_ledger(rows: int) -> Variant:
    def measure(run: BenchRun) -> Measured:
        product = _prepare_ledger(run, rows)
        output = run.ground.folder / "growth.json"
        numbers = (str(run.sizes.probe_turns), str(rows))
        arguments = (product.seed.user_ids[0], *numbers, str(output))
        role = python_role("probe", "-m", "bench.growth_process", *arguments)
        environment = {
            **product.environment,
            "BENCH_KEY": product.seed.key,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        run.ground.settle()
        product.crew.run(role, environment=environment, limit=run.sizes.patience_seconds)
        return Measured(figures=json.loads(output.read_text()))

    return measure


def _prepare_ledger(run: BenchRun, rows: int) -> Product:
    """Return an installation on the grown ledger, which is made at the first call."""
    seed = seed_product(run)
    database = f"bench_grown_{rows}"
    if database in run.prepared:
        return describe_product(run, run.ground.postgres.build_url(database), seed)
    run.tell(f"growing a ledger of {rows:,} notifications")
    product = describe_product(
        run, run.ground.renew_database(database, template=SEEDED_DATABASE), seed
    )
    _accept_seed(product)
    with run.ground.connect(database) as connection:
        grow_ledger(connection, rows=rows)
    run.prepared[database] = rows
    return product


def _accept_seed(product: Product) -> None:
    """Accept the notification that the ledger is cloned from; it is never due."""
    order = build_mail_order(
        mark="seed",
        user_id=product.seed.user_ids[0],
        request_id=SEED_REQUEST,
        scheduled_at="2099-01-01T00:00:00Z",
    )
    try:
        product.start_web()
        with product.open_client() as client:
            client.post("/notifications", order)
    finally:
        product.crew.stop()
