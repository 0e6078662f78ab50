"""Fixtures of the security tests."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from deploy.local.servers import Postgres, Redis
from tests.security.live_web import LiveWeb


@pytest.fixture
def fast_hasher(settings: Settings) -> None:
    """Hash passwords quickly; what a hash costs has tests of its own."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, redis: Redis
) -> Iterator[LiveWeb]:
    """A web process with an empty database of its own."""
    server = LiveWeb(tmp_path_factory.mktemp("web"), postgres=postgres, redis=redis)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def key(web: LiveWeb) -> str:
    """A key of that process that may do everything."""
    return web.make_key()
