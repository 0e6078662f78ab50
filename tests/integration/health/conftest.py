"""Keys, and addresses at which nobody answers or somebody accepts and says nothing."""

import socket
import threading
from collections.abc import Iterator

import pytest
from django.test import Client

from apps.delivery.api import health
from notifier.authentication import Scope
from tests.factories import make_api_key, secret_of


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_AGE_SECONDS", 0)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever said: a server that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
    for thread in threading.enumerate():  # what still hung on it; the next test asks anew
        if thread.name.startswith("probe-"):
            thread.join(timeout=10)


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def client_with(*scopes: Scope) -> Client:
    key = make_api_key(scopes=scopes)
    return Client(headers={"X-API-Key": secret_of(key)})
