"""The exec probe of the roles, on real connections."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.deploy.manifests import FOLDER

PROBE = FOLDER / "base/probe.py"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def port_of(listening: socket.socket) -> int:
    port: int = listening.getsockname()[1]
    return port


def ask_probe(port: int, *options: str) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603  # our own arguments
        [sys.executable, "-IS", str(PROBE), "BROKER_URL", *options],
        env={**os.environ, "BROKER_URL": f"amqp://user:p%40ss@127.0.0.1:{port}//"},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stderr


def test_a_role_with_a_connection_is_ready_and_alive(server: socket.socket) -> None:
    with contextlib.closing(socket.create_connection(server.getsockname())):
        assert ask_probe(port_of(server)) == (0, "")
        assert ask_probe(port_of(server), "--live") == (0, "")


def test_a_role_that_has_lost_a_server_that_is_there_is_neither(server: socket.socket) -> None:
    socket.create_connection(server.getsockname()).close()
    why = f"no connection to port {port_of(server)} of BROKER_URL\n"
    assert ask_probe(port_of(server)) == (1, why)
    assert ask_probe(port_of(server), "--live") == (1, why)


def test_an_outage_of_the_server_makes_a_role_unready_and_restarts_nobody(
    server: socket.socket,
) -> None:
    port = port_of(server)
    server.close()
    assert ask_probe(port)[0] == 1
    assert ask_probe(port, "--live") == (0, "")
