"""The metrics of a role that has no web: a port of its own for Prometheus."""

import os
import threading
from typing import Any

import structlog
from django.conf import settings
from prometheus_client import start_http_server

from notifier.metric_files import DIRECTORY, merge_ended, open_registry

log = structlog.get_logger(__name__)
_servers: list[tuple[int, Any, threading.Thread]] = []


def serve_metrics() -> None:
    """Show this role's metrics where METRICS_LISTEN says, if it does; a taken port is told.

    Without a password: who can reach the port may read the numbers. With child processes
    PROMETHEUS_MULTIPROC_DIR must be set, else only what this process counts is shown.
    """
    if settings.METRICS_LISTEN is None:
        return
    address, port = settings.METRICS_LISTEN
    try:
        server, thread = start_http_server(port, addr=address, registry=open_registry())
    except OSError as error:
        # Sending counts for more than being measured.
        log.error("metrics_not_served", port=port, error=type(error).__name__)  # noqa: TRY400  # its name says it all
        return
    _servers.append((os.getpid(), server, thread))
    log.info("metrics_served", port=port, adds_up_processes=DIRECTORY is not None)


def begin_child_process() -> None:
    """Let go of the parent's port, and merge what children before this one have left."""
    merge_ended()
    for owner, server, _ in _servers:
        if owner != os.getpid():
            server.socket.close()
