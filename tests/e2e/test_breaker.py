"""A provider that is ill for twenty seconds under traffic: it is spared, and nothing is lost."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import requests

from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.installation import Installation
from tests.standins.processes import FcmService, MailApiService, SmtpSink

RESET_SECONDS = 2.0
THRESHOLD = 5
WORKER_PROCESSES = 4
ILL_SECONDS = 20
POSTS_EACH_SECOND = 10


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    rabbitmq: RabbitMQ,
    redis: Redis,
    mail_api: MailApiService,
) -> Iterator[Installation]:
    """An installation whose only mail provider is the stand-in, with four mail workers."""
    folder = tmp_path_factory.mktemp("breaker")
    whole = Installation(
        folder=folder,
        postgres=postgres,
        rabbitmq=rabbitmq,
        redis=redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings={
            "EMAIL_PROVIDERS": f"sendgrid://a-key@?name=only&endpoint={mail_api.url}",
            "BREAKER_THRESHOLD": str(THRESHOLD),
            "BREAKER_RESET_SECONDS": str(RESET_SECONDS),
            "EMAIL_CONCURRENCY": str(WORKER_PROCESSES),
        },
    )
    whole.sink.start()
    whole.fcm.start()
    try:
        whole.start()
        yield whole
    finally:
        whole.stop()
        whole.sink.kill()
        whole.fcm.kill()


def mail(number: int) -> dict[str, Any]:
    return {
        "notification_type": "email",
        "to": {"email": f"patient{number}@example.org"},
        "content": {"subject": f"Patient {number}", "text": "Hello"},
    }


def post_for(installation: Installation, seconds: float, *, first: int) -> list[str]:
    """Post at a steady pace and return the ids."""
    ids: list[str] = []
    ends_at = time.monotonic() + seconds
    with requests.Session() as session:
        while time.monotonic() < ends_at:
            ids.append(installation.accept(mail(first + len(ids)), session=session))
            time.sleep(1 / POSTS_EACH_SECOND)
    return ids


def breaker_state(installation: Installation) -> str:
    (breaker,) = [each for each in installation.get("/breakers") if each["provider"] == "only"]
    assert breaker["shared"]
    return str(breaker["state"])


def test_an_ill_provider_is_spared_and_everything_arrives_once_it_is_well(
    installation: Installation, mail_api: MailApiService
) -> None:
    ids = post_for(installation, 2, first=0)
    installation.wait_until(lambda: installation.count_unfinished() == 0, limit=20)
    mail_api.behave(fail_always=True, code=503)
    ids += post_for(installation, ILL_SECONDS, first=len(ids))
    assert breaker_state(installation) in ("open", "half_open")
    mail_api.behave()
    ids += post_for(installation, 1, first=len(ids))
    took = installation.wait_until(lambda: installation.count_unfinished() == 0, limit=30)
    assert took < 15

    refused = mail_api.messages(outcome="refused")
    # What opened it, with one call under way in each other process; then one trial each time.
    opening = THRESHOLD + WORKER_PROCESSES - 1
    assert THRESHOLD < len(refused) <= opening + ILL_SECONDS / RESET_SECONDS
    trials = [float(record["time"]) for record in refused][opening:]
    assert all(after - before >= RESET_SECONDS for before, after in pairwise(trials))

    accepted = mail_api.messages(outcome="accepted")
    counts = Counter(
        record["content"]["personalizations"][0]["to"][0]["email"] for record in accepted
    )
    assert counts == {f"patient{n}@example.org": 1 for n in range(len(ids))}
    found = [installation.get(f"/notifications/{each}") for each in ids]
    assert {each["status"] for each in found} == {"sent"}
    # A parked notification has used up nothing: calls and attempts are the same number.
    attempts = sum(int(each["attempts"]) for each in found)
    assert attempts == len(refused) + len(accepted)
    assert breaker_state(installation) == "closed"
