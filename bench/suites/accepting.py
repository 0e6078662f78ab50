"""Single accepts over 16 connections: ours, the floor, and the straightforward app."""

import contextlib
import json
import os
from collections.abc import Iterator

from bench.api_client import ApiClient, answers_http
from bench.baselines.naive_app import NaiveApp, build_granian, build_naive_order, run_naive
from bench.bench_run import BenchRun
from bench.crew import Crew
from bench.load.wrk import HttpOrder, LoadReport, send_load, warm_up
from bench.measured import Measured
from bench.product import API, Product, build_mail_order, run_product
from deploy.local.ports import pick_free_port

# wrk puts the request's number where the mark and the request id stand.
MARK = "@NUMBER@"
SOME_USER = "00000000-0000-7000-8000-000000000000"


def accept_ours(run: BenchRun) -> Measured:
    """Accept with every role of mail running save the worker, whose work is another benchmark."""
    with run_product(run) as product:
        product.start_roles("relay")
        return load_web(run, product.crew, order_single(product), profile_as="accept")


def order_single(product: Product) -> HttpOrder:
    """Return the order of single mails by a person with a token, to all users in turn."""
    body = build_mail_order(mark=MARK, user_id="@VALUE@", request_id=MARK)
    return HttpOrder(
        port=product.port,
        method="POST",
        path=f"{API}/notifications",
        header=f"Authorization: Bearer {product.log_in()}",
        body=json.dumps(body),
        values=product.seed.user_ids,
    )


def accept_naive(run: BenchRun) -> Measured:
    with run_naive(run) as app:
        return load_web(run, app.crew, order_naive(app))


def accept_naive_kept(run: BenchRun) -> Measured:
    with run_naive(run, keep_connection=True) as app:
        return load_web(run, app.crew, order_naive(app))


def order_naive(app: NaiveApp) -> HttpOrder:
    body = json.dumps(build_naive_order(mark=MARK, user_id="@VALUE@"))
    return HttpOrder(
        port=app.port,
        method="POST",
        path="/notifications",
        header=app.header,
        body=body.replace('"@VALUE@"', "@VALUE@"),  # its ids are numbers
        values=app.user_ids,
    )


def accept_floor(run: BenchRun) -> Measured:
    with _run_floor(run) as (crew, port):
        order = HttpOrder(
            port=port,
            method="POST",
            path="/accept",
            header="Accept: application/json",
            body=json.dumps(build_mail_order(mark=MARK, user_id=SOME_USER, request_id=MARK)),
        )
        return load_web(run, crew, order)


@contextlib.contextmanager
def _run_floor(run: BenchRun) -> Iterator[tuple[Crew, int]]:
    port = pick_free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bench.baselines.bare.settings",
        "DATABASE_URL": run.ground.renew_database("bench_bare"),
        "BROKER_URL": run.ground.renew_broker("bare"),
    }
    crew = run.ground.make_crew()
    try:
        role = build_granian("web", "bench.baselines.bare.web:application", port=port)
        crew.start(role, environment=environment)
        crew.wait_until(lambda: answers_http(port, "/"), what="the floor's web", limit=60)
        with ApiClient(port, {}) as client:
            client.get("/table")
        yield crew, port
    finally:
        crew.stop()


def load_web(run: BenchRun, crew: Crew, order: HttpOrder, *, profile_as: str = "") -> Measured:
    """Warm up, then measure one window of load."""
    warm_up(order, seconds=run.sizes.warm_up_seconds, folder=run.ground.folder)
    with run.window(crew, profile_as=profile_as, wrk=os.getpid()) as watch:
        report: LoadReport = send_load(
            order, seconds=run.sizes.window_seconds, folder=run.ground.folder
        )
        cpu = watch.read_percent()
    return Measured(figures=report.list_figures(), cpu=cpu)
