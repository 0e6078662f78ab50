"""The peers of mail delivery, each with a full queue and its sender running."""

import contextlib
import os
from collections.abc import Iterator

from bench.crew import Crew, python_role
from bench.ground import Ground

TUTORIAL = "bench.baselines.tutorial"
POST_OFFICE = "bench.baselines.post_office"


@contextlib.contextmanager
def run_tutorial(ground: Ground, *, count: int, sink_port: int) -> Iterator[Crew]:
    """Yield the Celery tutorial while its two worker processes send `count` mails."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"{TUTORIAL}.settings",
        "BROKER_URL": ground.renew_broker("tutorial"),
        "SINK_PORT": str(sink_port),
    }
    where = ("-A", f"{TUTORIAL}.celery_app", "worker", "-c", "2")
    with _end_at_exit(ground.make_crew()) as crew:
        fill = python_role("fill", "-m", f"{TUTORIAL}.fill", str(count))
        crew.run(fill, environment=environment)
        crew.start(python_role("celery", "-m", "celery", *where), environment=environment)
        yield crew


@contextlib.contextmanager
def run_post_office(ground: Ground, *, count: int, sink_port: int) -> Iterator[Crew]:
    """Yield django-post_office while its command sends `count` mails."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": f"{POST_OFFICE}.settings",
        "DATABASE_URL": ground.renew_database("bench_post_office"),
        "SINK_PORT": str(sink_port),
    }
    with _end_at_exit(ground.make_crew()) as crew:
        migrate = python_role("migrate", "-m", "django", "migrate", "-v", "0")
        crew.run(migrate, environment=environment)
        fill = python_role("fill", "-m", f"{POST_OFFICE}.fill", str(count))
        crew.run(fill, environment=environment)
        send = python_role("sender", "-m", "django", "send_queued_mail")
        crew.start(send, environment=environment)
        yield crew


@contextlib.contextmanager
def _end_at_exit(crew: Crew) -> Iterator[Crew]:
    try:
        yield crew
    finally:
        crew.stop()
