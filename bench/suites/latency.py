"""From POST to DATA at the sink when it is quiet: 25 posts a second."""

from collections.abc import Callable

from bench.arrivals import describe_waits, make_marks, wait_for_arrivals
from bench.baselines.naive_app import build_naive_order, run_naive
from bench.bench_run import BenchRun
from bench.crew import Crew
from bench.load.posting import post_by_clock
from bench.measured import Measured
from bench.product import build_mail_order, run_product
from bench.standins.sinks import JournalSink, run_journal_sink

POSTS_PER_SECOND = 25
WARM_UP_POSTS = 10


def quiet_ours(run: BenchRun) -> Measured:
    with (
        run_journal_sink(run.ground.folder) as sink,
        run_product(run, EMAIL_PROVIDERS=f"smtp://127.0.0.1:{sink.port}") as product,
    ):
        product.start_roles("relay", "email", "status")
        user_id = product.seed.user_ids[0]

        def post(mark: str) -> None:
            order = build_mail_order(mark=mark, user_id=user_id, request_id=mark)
            client.post("/notifications", order)

        with product.open_client() as client:
            return _measure_quiet(run, product.crew, sink, post)


def quiet_naive(run: BenchRun) -> Measured:
    with (
        run_journal_sink(run.ground.folder) as sink,
        run_naive(run, sink_port=sink.port) as app,
    ):
        app.start_worker()

        def post(mark: str) -> None:
            client.post("/notifications", build_naive_order(mark=mark, user_id=1))

        with app.open_client() as client:
            return _measure_quiet(run, app.crew, sink, post)


def _measure_quiet(
    run: BenchRun, crew: Crew, sink: JournalSink, post: Callable[[str], None]
) -> Measured:
    """Warm up, post by the clock, and look up at the sink when each mail came."""
    limit = run.sizes.patience_seconds
    warm_up = post_by_clock(post, make_marks(WARM_UP_POSTS), per_second=POSTS_PER_SECOND)
    wait_for_arrivals(sink, warm_up, crew=crew, limit=limit)
    with run.window(crew, sink=sink.pid) as watch:
        marks = make_marks(run.sizes.steady_posts)
        sent_at = post_by_clock(post, marks, per_second=POSTS_PER_SECOND)
        cpu = watch.read_percent()
    return Measured(
        figures=describe_waits(wait_for_arrivals(sink, sent_at, crew=crew, limit=limit)), cpu=cpu
    )
