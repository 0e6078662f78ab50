"""The whole system under 16 connections of single posts, and what memory it takes."""

import os
import time

from bench.baselines.naive_app import run_naive
from bench.bench_run import BenchRun
from bench.crew import Crew
from bench.load.wrk import HttpOrder, send_load, warm_up
from bench.measured import Measured
from bench.product import run_product
from bench.progress import follow
from bench.standins.sinks import PlainSink, run_plain_sink
from bench.suites.accepting import order_naive, order_single
from bench.usage import measure_memory

# What the memory goal is about: a web of two processes, the relay, and a worker of two.
COUNTED_ROLES = ("web", "relay", "email")


def whole_ours(run: BenchRun) -> Measured:
    with (
        run_plain_sink(run.ground.folder) as sink,
        run_product(run, EMAIL_PROVIDERS=f"smtp://127.0.0.1:{sink.port}") as product,
    ):
        product.start_roles("relay", "email", "status")
        measured = _load_whole(run, product.crew, sink, order_single(product), profile_as="whole")
        pids = product.crew.list_pids()
        memory = [measure_memory(pids[name]) for name in COUNTED_ROLES]
        sums = {
            "memory_mb": sum(each.proportional for each in memory),
            "resident_mb": sum(each.resident for each in memory),
        }
        return Measured(figures={**measured.figures, **sums}, cpu=measured.cpu)


def whole_naive(run: BenchRun) -> Measured:
    with (
        run_plain_sink(run.ground.folder) as sink,
        run_naive(run, sink_port=sink.port) as app,
    ):
        app.start_worker()
        return _load_whole(run, app.crew, sink, order_naive(app))


def _load_whole(
    run: BenchRun, crew: Crew, sink: PlainSink, order: HttpOrder, *, profile_as: str = ""
) -> Measured:
    """Load for a while, count at once what was delivered, and wait for the rest."""
    warm = warm_up(order, seconds=run.sizes.warm_up_seconds, folder=run.ground.folder)
    follow(sink, warm, crew=crew, limit=run.sizes.patience_seconds)
    before = sink.count()
    with run.window(crew, profile_as=profile_as, sink=sink.pid, wrk=os.getpid()) as watch:
        begun_at = time.monotonic()
        report = send_load(order, seconds=run.sizes.whole_seconds, folder=run.ground.folder)
        delivered = sink.count() - before
        cpu = watch.read_percent()
    progress = follow(sink, before + report.requests, crew=crew, limit=run.sizes.patience_seconds)
    figures = {
        **report.list_figures(),
        "delivered_percent": 100 * min(1.0, delivered / max(1, report.requests)),
        "end_to_end_rate": report.requests / (progress.ended_at - begun_at),
    }
    return Measured(figures=figures, cpu=cpu)
