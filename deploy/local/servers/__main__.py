"""The command `python -m deploy.local.servers up|down|status`."""

import argparse
import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.environment import write_environment_file
from deploy.local.errors import CannotRun
from deploy.local.packages import POSTGRES, RABBITMQ, REDIS, ServerPackage, install_missing
from deploy.local.private_server import PrivateServer
from deploy.local.servers import Postgres, RabbitMQ, Redis


@dataclass(frozen=True)
class Offer:
    """A server that `up` starts unless `variable` says where another one is."""

    variable: str
    kind: type[PrivateServer]
    package: ServerPackage

    @property
    def given(self) -> str:
        return os.environ.get(self.variable, "")

    def open(self, folder: Path) -> PrivateServer:
        return self.kind(folder / self.kind.__name__.lower())


OFFERS = (
    Offer("DATABASE_URL", Postgres, POSTGRES),
    Offer("BROKER_URL", RabbitMQ, RABBITMQ),
    Offer("CACHE_URL", Redis, REDIS),
)


def main() -> int:
    arguments = _parse_arguments()
    folder = Path(arguments.dir).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _exclude_others(folder):
            return {"up": start_servers, "down": stop_servers, "status": show_servers}[
                arguments.action
            ](folder)
    except (CannotRun, OSError) as error:
        sys.stderr.write(f"servers: {error}\n")
        return 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.servers", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "status"])
    parser.add_argument("--dir", default="var/servers", help="their data [var/servers]")
    return parser.parse_args()


@contextlib.contextmanager
def _exclude_others(folder: Path) -> Iterator[None]:
    """Let one such command at a time work on a folder: two would start two of each."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tell(title: str, text: str) -> None:
    sys.stdout.write(f"{title:<11}{text}\n")
    sys.stdout.flush()


def _name_environment_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.env")


def start_servers(folder: Path) -> int:
    """Start what does not run and is not given, and write where everything is; safe to repeat."""
    wanted = [offer for offer in OFFERS if not offer.given]
    for package in install_missing(offer.package for offer in wanted):
        _tell(package.title, "installed")
    places = {offer.variable: offer.given or _start_server(offer, folder) for offer in OFFERS}
    for offer in OFFERS:
        if offer.given:
            _tell(offer.kind.title, f"not started: {offer.variable} is set")
    path = _name_environment_file(folder)
    write_environment_file(path, places)
    _tell("written", str(path))
    return 0


def _start_server(offer: Offer, folder: Path) -> str:
    server = offer.open(folder)
    fresh = server.start()
    _tell(server.title, f"{server.url}  {'started' if fresh else 'already running'}")
    _tell_where_moved(server)
    return server.url


def _tell_where_moved(server: PrivateServer) -> None:
    if isinstance(server, Postgres) and server.data.parent != server.folder:
        _tell("", f"user postgres may not enter {server.folder}: its data is in {server.data}")


def stop_servers(folder: Path) -> int:
    """Stop what runs in `folder`; their data and ports stay for the next time."""
    for offer in reversed(OFFERS):
        server = offer.open(folder)
        ran = server.is_running()
        server.stop()
        _tell(server.title, "stopped" if ran else "was not running")
    _name_environment_file(folder).unlink(missing_ok=True)
    return 0


def show_servers(folder: Path) -> int:
    """Print one line for each; 0 if all that are not given run, else 1."""
    states = [_show_server(offer, folder) for offer in OFFERS]
    return 0 if all(states) else 1


def _show_server(offer: Offer, folder: Path) -> bool:
    if offer.given:
        _tell(offer.kind.title, f"{offer.variable} is set")
        return True
    server = offer.open(folder)
    running = server.is_running()
    _tell(server.title, f"{server.url}  running (pid {server.pid})" if running else "not running")
    return running


if __name__ == "__main__":
    raise SystemExit(main())
