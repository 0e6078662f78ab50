"""Fixtures that every kind of test may use: the private servers of the run."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.cache import cache
from django.test import override_settings
from pytest_django.plugin import DjangoDbBlocker

from apps.delivery.services.announcing import announcer
from deploy.local.errors import CannotRun
from deploy.local.packages import POSTGRES as POSTGRES_PACKAGE
from deploy.local.packages import RABBITMQ as RABBITMQ_PACKAGE
from deploy.local.packages import REDIS as REDIS_PACKAGE
from deploy.local.packages import install_missing
from deploy.local.servers import Postgres, RabbitMQ, Redis
from notifier.broker import declare_topology
from notifier.encryption_lasting import blind_index
from notifier.wakeup import bell
from tests import session

TESTS = Path(__file__).parent
SERVERLESS = TESTS / "unit"
# What judges by the clock, or runs a whole installation: beside other tests it would fail.
ALONE = (
    *("bench", "browser", "e2e", "faults"),
    *("integration/breakers", "integration/relay"),
    *("integration/test_local_servers.py", "integration/test_stack_runner.py"),
)
_left_out = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by these marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    alone = {TESTS / place for place in ALONE}
    for item in items:
        if not alone.isdisjoint((item.path, *item.path.parents)):
            item.add_marker(pytest.mark.alone)
    _leave_out(config, items)


def _leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs servers where none can be had, saying so; in CI that is a failure."""
    on_servers = [item for item in items if SERVERLESS not in item.path.parents]
    if not on_servers:
        return
    try:
        _install_servers()
    except CannotRun as error:
        if os.environ.get("CI"):
            pytest.exit(f"the servers cannot be had: {error}", returncode=1)
        suites = sorted({item.path.relative_to(TESTS).parts[0] for item in on_servers})
        config.stash[_left_out] = f"LEFT OUT: {', '.join(suites)} ({error})"
        config.hook.pytest_deselected(items=on_servers)
        items[:] = [item for item in items if item not in set(on_servers)]


def _install_servers() -> None:
    """Let one process at a time look and install: with `-n 2` there are two."""
    with (Path(tempfile.gettempdir()) / "notifier-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_missing([POSTGRES_PACKAGE, RABBITMQ_PACKAGE, REDIS_PACKAGE])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what was left out to the process that reports, where this one is only its worker."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_left_out, "")


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_testnodedown(node: Any) -> None:
    if message := getattr(node, "workeroutput", {}).get("left_out", ""):
        node.config.stash[_left_out] = message


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if message := config.stash.get(_left_out, ""):
        terminalreporter.write_line(message, yellow=True, bold=True)


@pytest.fixture(scope="session", autouse=True)
def _no_look_for_static_files() -> Iterator[None]:
    """Each test client would look for all of them, which takes longer than a request."""
    with override_settings(WHITENOISE_USE_FINDERS=False):
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    session.POSTGRES.start()
    yield session.POSTGRES
    session.POSTGRES.kill()
    session.POSTGRES.remove()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    session.REDIS.start()
    yield session.REDIS
    session.REDIS.kill()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    session.RABBITMQ.start()
    yield session.RABBITMQ
    session.RABBITMQ.kill()  # its orderly stop takes six seconds
    session.RABBITMQ.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: Postgres, redis: Redis) -> None:
    """Have the database and the cache running before pytest-django makes its test database."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Read the index key before a test that commits empties its table."""
    with django_db_blocker.unblock():
        blind_index("")
    yield
    bell.close()  # a database that somebody is connected to cannot be dropped


@pytest.fixture(autouse=True)
def _fresh_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "redis" in request.fixturenames or "django_db_setup" in request.fixturenames:
        cache.clear()


@pytest.fixture
def broker(rabbitmq: RabbitMQ) -> RabbitMQ:
    """The broker with its queues declared and empty."""
    announcer.flush()  # of the test before
    with current_app.connection_for_write() as connection:
        declare_topology(connection)
        channel: Any = connection.default_channel
        for queue in ("email.queue", "push.queue", "notification_status", "failed.queue"):
            channel.queue_purge(queue)
    return rabbitmq
