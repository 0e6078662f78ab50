"""The straightforward app as a running installation."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import content
from bench.api_client import ApiClient, answers_http
from bench.bench_run import BenchRun
from bench.crew import Crew, python_role
from bench.ground import Ground
from deploy.local.ports import pick_free_port
from deploy.local.roles import Role

PACKAGE = "bench.baselines.naive"
DATABASE = "bench_naive"
SEEDED_DATABASE = "bench_naive_seeded"
WORKERS, THREADS = "2", "8"


@dataclass(frozen=True, kw_only=True)
class NaiveApp:
    """Its web runs; `start_worker` starts the Celery worker."""

    crew: Crew
    environment: Mapping[str, str]
    port: int
    token: str
    users: int

    @property
    def header(self) -> str:
        return f"Authorization: Bearer {self.token}"

    @property
    def user_ids(self) -> list[str]:
        return [str(number) for number in range(1, self.users + 1)]

    def open_client(self) -> ApiClient:
        return ApiClient(self.port, {"Authorization": f"Bearer {self.token}"})

    def start_worker(self) -> None:
        where = ("-A", f"{PACKAGE}.celery_app", "worker", "-c", "2")
        role = python_role("celery", "-m", "celery", *where)
        self.crew.start(role, environment=self.environment)


@contextlib.contextmanager
def run_naive(
    run: BenchRun, *, keep_connection: bool = False, sink_port: int = 25, server: str = "gunicorn"
) -> Iterator[NaiveApp]:
    """Yield the app on a fresh database; `server` is gunicorn (its usual one) or granian."""
    token = _seed_once(run)
    port = pick_free_port()
    environment = {
        **_build_environment(run.ground.renew_database(DATABASE, template=SEEDED_DATABASE)),
        "BROKER_URL": run.ground.renew_broker("naive"),
        "SINK_PORT": str(sink_port),
    }
    if keep_connection:
        environment["BASELINE_KEEP_CONNECTION"] = "1"
    crew = run.ground.make_crew()
    try:
        crew.start(_build_web(server, port), environment=environment)
        crew.wait_until(lambda: answers_http(port, "/"), what="the naive web", limit=120)
        users = run.sizes.users
        yield NaiveApp(crew=crew, environment=environment, port=port, token=token, users=users)
    finally:
        crew.stop()


def _build_environment(database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"{PACKAGE}.settings",
        "DATABASE_URL": database_url,
    }


def _build_web(server: str, port: int) -> Role:
    target = f"{PACKAGE}.wsgi:application"
    if server == "granian":
        return build_granian("web", target, port=port)
    where = ("-b", f"127.0.0.1:{port}", "-k", "gthread", "-w", WORKERS, "--threads", THREADS)
    # Its two seconds are shorter than the pauses of our generator.
    options = ("--keep-alive", "65", "--log-level", "warning")
    return python_role("web", "-m", "gunicorn", *where, *options, target)


def build_granian(name: str, target: str, *, port: int) -> Role:
    """Return a web role that is started as ours is: two processes of four threads."""
    where = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port))
    size = ("--workers", "2", "--blocking-threads", "4", "--no-ws")
    return python_role(name, "-m", "granian", *where, *size, target)


def _seed_once(run: BenchRun) -> str:
    """Make the template database at the first call and return a token."""
    token: str | None = run.prepared.get(SEEDED_DATABASE)
    if token is None:
        run.tell("preparing the baseline's database")
        token = run.prepared[SEEDED_DATABASE] = _fill_database(run.ground, run.sizes.users)
    return token


def _fill_database(ground: Ground, users: int) -> str:
    environment = _build_environment(ground.renew_database(SEEDED_DATABASE))
    output = ground.folder / "naive-token"
    crew = ground.make_crew()
    admin = ("-m", "django")
    # Its own tables, which have no migrations, refer to one of those that have.
    for number, flags in enumerate(((), ("--run-syncdb",))):
        migrate = python_role(f"migrate-{number}", *admin, "migrate", "-v", "0", *flags)
        crew.run(migrate, environment=environment)
    crew.run(_write_output("seed", output, *admin, "seed", str(users)), environment=environment)
    return output.read_text().strip()


def _write_output(name: str, output: Path, *arguments: str) -> Role:
    """Return a role whose output goes to a file."""
    command = ("/bin/sh", "-c", 'exec "$0" "$@" > "$OUTPUT"', sys.executable, *arguments)
    return Role(name=name, command=command, environment={"OUTPUT": str(output)})


def build_naive_order(*, mark: str, user_id: int | str) -> dict[str, object]:
    """Return the body of its POST /notifications."""
    return {
        "notification_type": "email",
        "template_code": content.TEMPLATE_CODE,
        "user_id": user_id,
        "variables": content.build_variables(mark),
        "request_id": mark,
    }
