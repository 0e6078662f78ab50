"""Mail delivery from a full backlog to smtp-sink: ours, the limit, and the peers."""

import os
import secrets
import shutil
import subprocess
import time

from bench import content
from bench.baselines.mail_peers import run_post_office, run_tutorial
from bench.bench_run import BenchRun
from bench.load.posting import encode_bodies, send_bodies
from bench.measured import Measured
from bench.memory_log import MemoryLog
from bench.product import Product, run_product
from bench.progress import follow
from bench.standins.sinks import run_plain_sink
from bench.suites.bulk import build_bulk_orders
from deploy.local.errors import CannotRun

ROWS_PER_REQUEST = 1_000
WARM_MAILS = 10


def deliver_ours(run: BenchRun) -> Measured:
    """Store the backlog, then start the relay and a worker of two processes."""
    with (
        run_plain_sink(run.ground.folder) as sink,
        run_product(run, EMAIL_PROVIDERS=f"smtp://127.0.0.1:{sink.port}") as product,
    ):
        fill_backlog(product, run.sizes.mails)
        with run.window(product.crew, sink=sink.pid) as watch:
            product.start_roles("email", "status", "relay")
            progress = follow(
                sink, run.sizes.mails, crew=product.crew, limit=run.sizes.patience_seconds
            )
            return Measured(figures={"rate": progress.rate()}, cpu=watch.read_percent())


def fill_backlog(product: Product, total: int) -> None:
    """Accept so many mails to users by bulk."""
    send_backlog(product, encode_backlog(product, total))


def encode_backlog(product: Product, total: int) -> list[bytes]:
    mark = secrets.token_hex(4)  # so that a second backlog does not repeat the first one's ids
    orders = build_bulk_orders(product.seed.user_ids, total, rows=ROWS_PER_REQUEST, mark=mark)
    return encode_bodies(orders)


def send_backlog(product: Product, bodies: list[bytes]) -> None:
    send_bodies(product.open_client, "/notifications/bulk", bodies, clients=2)


def send_from_source(run: BenchRun) -> Measured:
    """Measure Postfix's own generator: four connections, kept."""
    program = shutil.which("smtp-source")
    if program is None:
        raise CannotRun("smtp-source is not installed (Debian: postfix)")
    total = run.sizes.source_mails
    with run_plain_sink(run.ground.folder) as sink:
        crew = run.ground.make_crew()
        command = [program, "-d", "-s4", "-m", str(total), "-l", str(content.MAIL_BYTES)]
        addresses = ["-f", content.SENDER, "-t", "customer@example.org"]
        with run.window(crew, sink=sink.pid, smtp_source=os.getpid()) as watch:
            source = subprocess.Popen([*command, *addresses, f"127.0.0.1:{sink.port}"])  # noqa: S603  # constant
            progress = follow(sink, total, crew=crew, limit=run.sizes.patience_seconds)
            source.wait(timeout=30)
            return Measured(figures={"rate": progress.rate()}, cpu=watch.read_percent())


def deliver_tutorial(run: BenchRun) -> Measured:
    """Measure Celery and send_mail with two processes, the queue filled beforehand."""
    total = run.sizes.slow_mails
    with (
        run_plain_sink(run.ground.folder) as sink,
        run_tutorial(run.ground, count=total, sink_port=sink.port) as crew,
        run.window(crew, sink=sink.pid) as watch,
    ):
        progress = follow(sink, total, crew=crew, limit=run.sizes.patience_seconds)
        return Measured(figures={"rate": progress.rate()}, cpu=watch.read_percent())


def deliver_post_office(run: BenchRun) -> Measured:
    """Measure `send_queued_mail` with its defaults, the fastest way to run it."""
    total = run.sizes.slow_mails
    with (
        run_plain_sink(run.ground.folder) as sink,
        run_post_office(run.ground, count=total, sink_port=sink.port) as crew,
        run.window(crew, sink=sink.pid) as watch,
    ):
        progress = follow(sink, total, crew=crew, limit=run.sizes.patience_seconds)
        return Measured(figures={"rate": progress.rate()}, cpu=watch.read_percent())


def deliver_large(run: BenchRun) -> Measured:
    """Accept a large number by bulk while all of it runs; from the first POST to the last mail."""
    total = run.sizes.large_backlog
    with (
        run_plain_sink(run.ground.folder) as sink,
        run_product(run, EMAIL_PROVIDERS=f"smtp://127.0.0.1:{sink.port}") as product,
    ):
        product.start_roles("email", "status", "relay")
        fill_backlog(product, WARM_MAILS)  # until the worker is up
        follow(sink, WARM_MAILS, crew=product.crew, limit=run.sizes.patience_seconds)
        bodies = encode_backlog(product, total)
        watch_memory = MemoryLog(product.crew.list_pids())
        with run.window(product.crew, profile_as="large", sink=sink.pid) as watch:
            begun_at = time.monotonic()
            send_backlog(product, bodies)
            accepted_at = time.monotonic()
            progress = follow(
                sink,
                WARM_MAILS + total,
                crew=product.crew,
                limit=run.sizes.patience_seconds,
                on_poll=lambda: watch_memory.note(sink.count() / total),
            )
            cpu = watch.read_percent()
    figures = {
        "rate": total / (progress.ended_at - begun_at),
        "accept_rate": total / (accepted_at - begun_at),
        "memory_growth": watch_memory.find_growth(),
    }
    return Measured(figures=figures, cpu=cpu)
