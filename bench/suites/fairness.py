"""What is urgent during a large backlog, and two organizations with equal backlogs."""

from bench.api_client import ApiClient
from bench.arrivals import describe_waits, make_marks, wait_for_arrivals
from bench.bench_run import BenchRun
from bench.load.posting import encode_bodies, post_by_clock, send_bodies
from bench.measured import Measured
from bench.product import Product, build_mail_order, run_product
from bench.progress import follow
from bench.standins.sinks import run_journal_sink
from bench.suites.bulk import build_bulk_orders
from bench.suites.delivering import ROWS_PER_REQUEST, fill_backlog

URGENT_PRIORITY = 10
URGENT_PER_SECOND = 4
SECOND_MARK = "second"


def urgent_ours(run: BenchRun) -> Measured:
    """Post urgent mails while the backlog is under way; all of them must overtake it."""
    with (
        run_journal_sink(run.ground.folder) as sink,
        run_product(run, EMAIL_PROVIDERS=f"smtp://127.0.0.1:{sink.port}") as product,
    ):
        fill_backlog(product, run.sizes.large_backlog)
        user_id = product.seed.user_ids[0]

        def post(mark: str) -> None:
            order = build_mail_order(mark=mark, user_id=user_id, request_id=mark)
            client.post("/notifications", {**order, "priority": URGENT_PRIORITY})

        with product.open_client() as client, run.window(product.crew, sink=sink.pid) as watch:
            product.start_roles("email", "status", "relay")
            product.crew.wait_until(lambda: sink.count() > 0, what="the first mail", limit=60)
            marks = make_marks(run.sizes.urgent)
            sent_at = post_by_clock(post, marks, per_second=URGENT_PER_SECOND)
            waits = wait_for_arrivals(
                sink, sent_at, crew=product.crew, limit=run.sizes.patience_seconds
            )
            backlog_left = run.sizes.large_backlog + len(marks) - sink.count()
            cpu = watch.read_percent()
    return Measured(figures={**describe_waits(waits), "backlog_left": backlog_left}, cpu=cpu)


def fair_ours(run: BenchRun) -> Measured:
    """Deliver two equal backlogs, stored one after the other; compare when each was done."""
    each = run.sizes.fair_backlog
    with (
        run_journal_sink(run.ground.folder) as sink,
        run_product(run, EMAIL_PROVIDERS=f"smtp://127.0.0.1:{sink.port}") as product,
    ):
        fill_by_address(product, each, mark="first", key=product.seed.key)
        fill_by_address(product, each, mark=SECOND_MARK, key=product.seed.second_key)
        with run.window(product.crew, sink=sink.pid) as watch:
            product.start_roles("email", "status", "relay")
            follow(sink, 2 * each, crew=product.crew, limit=run.sizes.patience_seconds)
            cpu = watch.read_percent()
        arrivals = sink.read_arrivals()
    return Measured(figures={"difference_percent": _compare_ends(arrivals)}, cpu=cpu)


def fill_by_address(product: Product, total: int, *, mark: str, key: str) -> None:
    """Accept so many mails to addresses for the organization whose key this is."""
    bodies = encode_bodies(build_bulk_orders((), total, rows=ROWS_PER_REQUEST, mark=mark))

    def open_client() -> ApiClient:
        return product.open_client(key=key)

    send_bodies(open_client, "/notifications/bulk", bodies, clients=2)


def _compare_ends(arrivals: dict[str, float]) -> float:
    """Return by how many percent the slower took longer, from the first mail of all."""
    begun_at = min(arrivals.values())
    ends: dict[bool, float] = {}
    for mark, at in arrivals.items():
        second = mark.startswith(SECOND_MARK)
        ends[second] = max(ends.get(second, 0.0), at - begun_at)
    return 100 * (max(ends.values()) / max(min(ends.values()), 1e-6) - 1)
