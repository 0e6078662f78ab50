"""Our installation, as the contract describes it: its commands, its environment, its API."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench import content
from bench.api_client import ApiClient, answers_http
from bench.bench_run import BenchRun
from bench.crew import PROJECT, Crew
from deploy.local.errors import CannotRun
from deploy.local.ports import pick_free_port
from deploy.local.roles import Role, build_roles

DATABASE = "bench_product"
SEEDED_DATABASE = "bench_product_seeded"
API = "/api/v1"
SCOPES = "send,read,templates,users,status,admin"
# The limits are on, and count: they are only higher than what one generator can reach.
NO_OBSTACLE = "1000000/m"
LIMITS = {
    f"RATE_LIMIT_{name}": NO_OBSTACLE for name in ("ANON", "USER", "KEY", "LOGIN", "RECIPIENT")
}
SENDER = {"email": "sender@example.org", "password": "long-and-only-for-benchmarks-1812"}
# What every installation runs besides what is measured: receipts and live status are not left out.
MAIL_ROLES = ("web", "relay", "email", "status")
PUSH_ROLES = ("web", "relay", "push", "status")


@dataclass(frozen=True, kw_only=True)
class Seed:
    """What the template database holds: keys of two organizations, and people."""

    key: str
    second_key: str
    user_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Product:
    """A running installation."""

    crew: Crew
    environment: Mapping[str, str]
    roles: Mapping[str, Role]
    seed: Seed
    port: int

    def open_client(self, *, key: str = "") -> ApiClient:
        return ApiClient(self.port, {"X-API-Key": key or self.seed.key}, prefix=API)

    def log_in(self) -> str:
        """Return the access token of a person with the role `sender`."""
        with ApiClient(self.port, {}, prefix=API) as client:
            return str(client.post("/auth/login", SENDER)["data"]["access_token"])

    def start_roles(self, *names: str) -> None:
        for name in names:
            self.crew.start(self.roles[name], environment=self.environment)

    def start_web(self) -> None:
        self.start_roles("web")
        self.crew.wait_until(lambda: answers_http(self.port, "/live"), what="web", limit=120)


@contextlib.contextmanager
def run_product(run: BenchRun, **settings: str) -> Iterator[Product]:
    """Yield a fresh installation with its web running; `settings` go into its environment."""
    seed = seed_product(run)
    product = describe_product(
        run, run.ground.renew_database(DATABASE, template=SEEDED_DATABASE), seed
    )
    product = replace(product, environment={**product.environment, **settings})
    try:
        product.start_web()
        yield product
    finally:
        product.crew.stop()


def build_mail_order(*, mark: str, **who: Any) -> dict[str, Any]:
    """Return the body of POST /notifications; `who` is user_id=… or to=…."""
    return {
        "notification_type": "email",
        "template_code": content.TEMPLATE_CODE,
        "variables": content.build_variables(mark),
        **who,
    }


def describe_product(run: BenchRun, database_url: str, seed: Seed) -> Product:
    """Return an installation on that database, on free ports, nothing of it running yet."""
    port = pick_free_port()
    environment = {
        **os.environ,
        **LIMITS,
        "DATABASE_URL": database_url,
        "BROKER_URL": run.ground.renew_broker("product"),
        "CACHE_URL": run.ground.empty_cache(),
        "NOTIFIER_VAR_DIR": str(_make_folder(run.ground.folder / "product")),
        "LOG_FORMAT": "json",
        "PORT": str(port),
        "FLOWER_BASIC_AUTH": "bench:never-started",
    }
    roles = build_roles(environment=environment, var=run.ground.folder / "product")
    return Product(
        crew=run.ground.make_crew(),
        environment=environment,
        roles={role.name: role for role in roles},
        seed=seed,
        port=port,
    )


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def seed_product(run: BenchRun) -> Seed:
    """Return what the template database holds; fills it at the first call, through the API."""
    known: Seed | None = run.prepared.get(SEEDED_DATABASE)
    if known is None:
        run.tell("preparing our database")
        known = run.prepared[SEEDED_DATABASE] = _fill_database(run)
    return known


def _fill_database(run: BenchRun) -> Seed:
    nobody = Seed(key="", second_key="", user_ids=())
    product = describe_product(run, run.ground.renew_database(SEEDED_DATABASE), nobody)
    keys = _make_keys(product.environment)
    try:
        product.start_web()
        with ApiClient(product.port, {"X-API-Key": keys["default"]}, prefix=API) as client:
            client.post("/users", {"name": "Sender", "role": "sender", **SENDER})
        for key in keys.values():
            _make_templates(product.port, key)
        user_ids = _make_users(product.port, keys["default"], run.sizes.users)
    finally:
        product.crew.stop()
    return Seed(key=keys["default"], second_key=keys["second"], user_ids=user_ids)


def _make_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Migrate, make two organizations, and return a key of each by its slug."""
    manage(environment, "migrate", "--noinput", "-v", "0")
    slugs = ("default", "second")
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(slugs, pool.map(partial(_make_key, environment), slugs), strict=True))


def _make_key(environment: Mapping[str, str], slug: str) -> str:
    manage(environment, "create_organization", "--slug", slug, "--name", slug)
    options = ("--name", "bench", "--scopes", SCOPES, "--organization", slug, "--json")
    return str(json.loads(manage(environment, "create_api_key", *options))["key"])


def _make_templates(port: int, key: str) -> None:
    mail = {"subject": content.SUBJECT, "text": content.TEXT, "html": content.HTML}
    push = {"title": content.PUSH_TITLE, "body": content.PUSH_BODY}
    codes = {"email": content.TEMPLATE_CODE, "push": content.PUSH_TEMPLATE_CODE}
    with ApiClient(port, {"X-API-Key": key}, prefix=API) as client:
        for channel, parts in (("email", mail), ("push", push)):
            body = {"code": codes[channel], "channel": channel, "name": "Bench"}
            client.post("/templates", {**body, "content": parts})


def _make_users(port: int, key: str, count: int) -> tuple[str, ...]:
    def make(numbers: range) -> list[str]:
        with ApiClient(port, {"X-API-Key": key}, prefix=API) as client:
            return [
                str(
                    client.post("/users", {"name": f"User {n}", "email": f"u{n}@example.org"})[
                        "data"
                    ]["id"]
                )
                for n in numbers
            ]

    with ThreadPoolExecutor(max_workers=4) as pool:
        parts = pool.map(make, [range(start, count, 4) for start in range(4)])
        return tuple(each for part in parts for each in part)


def manage(environment: Mapping[str, str], *arguments: str) -> str:
    """Run a management command as an operator would and return what it printed."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotRun(f"manage.py {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout
