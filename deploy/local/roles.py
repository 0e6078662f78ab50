"""The roles of a whole installation: which processes there are and how each is started."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

# What the variables below are taken to be where the environment does not set them.
DEFAULTS: Mapping[str, str] = {
    "PORT": "8000",
    "WEB_WORKERS": "2",
    "WEB_THREADS": "8",
    "EMAIL_CONCURRENCY": "2",
    "PUSH_CONCURRENCY": "2",
    "FLOWER_PORT": "5555",
    "METRICS_PORT": "9464",  # the relay's; the following are the workers'. 0 is none
}


# Roles that show their metrics on a port of their own; the web has /metrics.
MEASURED = ("relay", "email", "push", "status", "dead-letters")


@dataclass(frozen=True, kw_only=True)
class Role:
    """One process: its name, its command, and what its environment has besides everybody's."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


MIGRATE = Role(name="migrate", command=(sys.executable, "manage.py", "migrate", "--noinput"))


def build_roles(*, environment: Mapping[str, str], var: Path) -> tuple[Role, ...]:
    """Return every role; `environment` overrides DEFAULTS, `var` holds what roles remember."""
    chosen = {name: environment.get(name) or default for name, default in DEFAULTS.items()}
    roles = (
        Role(name="web", command=_build_web_command(chosen)),
        Role(name="relay", command=(sys.executable, "manage.py", "relay")),
        _build_worker("email", queue="email.queue", processes=chosen["EMAIL_CONCURRENCY"]),
        _build_worker("push", queue="push.queue", processes=chosen["PUSH_CONCURRENCY"]),
        # One process that runs its short tasks itself: half the cost of handing them to a child.
        _build_worker("status", "--pool=solo", queue="notification_status", processes="1"),
        Role(name="dead-letters", command=(sys.executable, "manage.py", "consume_failed")),
        Role(name="beat", command=_build_celery_command("beat", "-s", str(var / "beat-schedule"))),
        Role(name="flower", command=_build_flower_command(chosen["FLOWER_PORT"])),
    )
    port = int(chosen["METRICS_PORT"])
    return tuple(_add_metrics(role, folder=var / "metrics", first_port=port) for role in roles)


def _add_metrics(role: Role, *, folder: Path, first_port: int) -> Role:
    """Give the processes of a role a directory for their counts, and it a port to show them."""
    own = {"PROMETHEUS_MULTIPROC_DIR": str(folder / role.name)}
    if first_port and role.name in MEASURED:
        port = first_port + MEASURED.index(role.name)
        own["METRICS_LISTEN"] = f"127.0.0.1:{port}"
    return replace(role, environment={**role.environment, **own})


def _build_web_command(chosen: Mapping[str, str]) -> tuple[str, ...]:
    address = ("--host", "127.0.0.1", "--port", chosen["PORT"])
    size = ("--workers", chosen["WEB_WORKERS"], "--blocking-threads", chosen["WEB_THREADS"])
    # Without respawn the death of one worker ends granian and with it all the others.
    options = ("--interface", "wsgi", *address, *size, "--respawn-failed-workers", "--no-ws")
    return (sys.executable, "-m", "granian", *options, "config.wsgi:application")


def _build_celery_command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "config", *arguments)


def _build_worker(name: str, *options: str, queue: str, processes: str) -> Role:
    where = ("-Q", queue, "-c", processes, "-n", f"{name}@%h", *options)
    command = _build_celery_command("worker", *where, "--without-mingle", "--without-gossip")
    return Role(name=name, command=command)


def _build_flower_command(port: str) -> tuple[str, ...]:
    # Its password comes through FLOWER_BASIC_AUTH: a command line is open to every local user.
    return _build_celery_command("flower", "--address=127.0.0.1", f"--port={port}")
