"""Everything in one process: web, relay, workers and the dead-letter consumer.

The worker runs in the main thread, so that its handling of signals works; the others are
daemon threads. The broker lives in memory and the durability in the row: at the start, whatever
was under way when the process last ended is taken up again.
"""

import fcntl
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import structlog
import waitress
from celery import current_app
from celery.exceptions import SecurityWarning
from celery.worker import state as worker_state
from django.conf import settings
from django.core.servers.basehttp import get_internal_wsgi_application

from apps.delivery.management.failed_queue import run_consumer
from apps.notifications.relay import Relay, sweep
from notifier.topology import EMAIL_QUEUE, PUSH_QUEUE, STATUS_QUEUE

log = structlog.get_logger(__name__)
WEB_THREADS = 8
WORKER_THREADS = 4


class CannotStart(Exception):
    """Why this process cannot be all of Notifier, in one line."""


def hold_database(*, address: str) -> IO[str]:
    """Return a lock on the database; a second embedded process would take up the first's work.

    It says at which `address` this process is, for commands in another terminal.
    """
    path = _lock_of_database()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a")
    if not _try_lock(handle):
        running = f"at {find_running_address()}, on this database ({path})"
        raise CannotStart(f"another Notifier is running {running}; stop it first (Ctrl-C there)")
    handle.truncate(0)
    handle.write(address)
    handle.flush()
    return handle


def find_running_address() -> str | None:
    """Return where the embedded process of this database is; None while there is none."""
    try:
        with _lock_of_database().open() as handle:
            return None if _try_lock(handle) else handle.read()
    except FileNotFoundError:
        return None


def bind_port(host: str, port: int) -> socket.socket:
    """Return a listening socket, or say in one line that the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise CannotStart(
            f"port {port} is taken; choose another one: make up PORT={port + 1}"
        ) from error
    listener.listen(128)
    return listener


def recover_from_last_run() -> dict[str, int]:
    """Take up what was published or being sent when the process last ended."""
    return sweep(at_once=True)


def run_everything(listener: socket.socket) -> int:
    """Serve, relay and work until SIGINT or SIGTERM; return the exit code."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # root, on one's own machine
    application, worker = get_internal_wsgi_application(), _build_worker()
    _silence_what_does_not_apply()  # after these two: each sets up logging again
    stop = threading.Event()
    broken = threading.Event()
    _start("web", lambda: _serve(application, listener), broken)
    relay = _start("relay", lambda: Relay().run(stop), broken)
    _start("dead-letters", lambda: _consume_dead_letters(stop), broken)
    worker.start()
    stop.set()
    relay.join(timeout=5)
    # Celery calls a Ctrl-C a failure; here it is how one stops. Nobody asked: it is one.
    was_asked = worker_state.should_stop is not None
    return 0 if was_asked and not broken.is_set() else 1


def _build_worker() -> Any:
    return current_app.Worker(
        pool="threads",
        concurrency=WORKER_THREADS,
        queues=[EMAIL_QUEUE, PUSH_QUEUE, STATUS_QUEUE],
        loglevel="WARNING",
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        quiet=True,
    )


def _try_lock(handle: IO[str]) -> bool:
    """Take the lock until the file is closed; False where another process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_of_database() -> Path:
    """Return the file that stands for the database: beside it where it is a file itself."""
    if settings.IS_SQLITE:
        return Path(f"{settings.DATABASES['default']['NAME']}.lock")
    return Path(settings.VAR_DIR) / "up.lock"


def _silence_what_does_not_apply() -> None:
    """Drop remarks that are about workers on servers, such as a missing host name."""
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)
    for chatty in ("celery", "kombu", "waitress"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _start(name: str, target: Callable[[], None], broken: threading.Event) -> threading.Thread:
    """Run a part of the process; when a fault ends it, the whole ends."""

    def watched() -> None:
        try:
            target()
        except BaseException:
            log.critical("part_of_the_process_ended", part=name, exc_info=True)
            broken.set()
            os.kill(os.getpid(), signal.SIGTERM)  # a process that only accepts helps nobody
            raise

    thread = threading.Thread(target=watched, name=name, daemon=True)
    thread.start()
    return thread


def _serve(application: Any, listener: socket.socket) -> None:
    waitress.serve(
        application,
        sockets=[listener],
        threads=WEB_THREADS,
        ident=None,
        max_request_body_size=17 * 1024 * 1024,
        # With none trusted nobody's are believed; else the client's address is in them.
        clear_untrusted_proxy_headers=not settings.TRUSTED_PROXY_COUNT,
    )


def _consume_dead_letters(stop: threading.Event) -> None:
    with current_app.connection_for_read() as connection:
        run_consumer(connection, stop)
