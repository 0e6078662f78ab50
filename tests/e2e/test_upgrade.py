"""An upgrade under load: the old and the next release side by side, and nobody notices."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amqp
import psycopg
import pytest

from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.clients import Clients
from tests.e2e.installation import Installation
from tests.e2e.releases import Release, write_next_release
from tests.standins.processes import FcmService, SmtpSink, read_mail

ROLES = ("relay", "email", "push")
SLOWEST_POST_SECONDS = 4.5  # a post waits for a table's lock at most as long as the migration
SETTINGS = {  # as small as it may be: it is there twice
    "LOG_LEVEL": "DEBUG",
    "LOG_FORMAT": "json",
    "WEB_WORKERS": "1",
    "EMAIL_CONCURRENCY": "1",
    "PUSH_CONCURRENCY": "1",
}
SENDERS = ("email", "push")
AT_WORK = 10  # notifications of each channel that each release sends beside the other


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, rabbitmq: RabbitMQ, redis: Redis
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("upgrade")
    whole = Installation(
        folder=folder,
        postgres=postgres,
        rabbitmq=rabbitmq,
        redis=redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings=SETTINGS,
    )
    whole.sink.start()
    whole.fcm.start()
    try:
        whole.start("web")
        yield whole
    finally:
        whole.stop()
        whole.sink.kill()
        whole.fcm.kill()


@pytest.fixture
def new(installation: Installation, tmp_path: Path) -> Iterator[Release]:
    release = Release.beside(installation, tree=write_next_release(tmp_path), name="new-")
    yield release
    release.kill()


def migrate_during_a_backup(new: Release) -> None:
    """Migrate while a transaction reads the busiest table; it ends once the migration met it."""
    url = new.environment()["DATABASE_URL"]
    with new.begin("migrate", "--noinput") as migration, psycopg.connect(url) as backup:
        backup.execute("SELECT FROM notifications_notification LIMIT 1")
        said = list(itertools.takewhile(lambda line: "in use" not in line, migration.stdout or ()))
        backup.commit()
        said += migration.stdout or ()
        assert migration.wait(60) == 0, "".join(said)


def test_an_upgrade_under_load_refuses_no_post_and_loses_and_doubles_nothing(
    installation: Installation, new: Release
) -> None:
    old = Release.present(installation)
    old.start(*ROLES)
    clients = Clients(key=installation.key, addresses=[old.address], pause_seconds=0.1)
    clients.begin()
    try:
        wait_for_work(old)
        migrate_during_a_backup(new)
        assert old.answers()  # or a balancer would send it nobody
        new.start("web", *ROLES)
        installation.wait_until(new.answers, limit=60)
        clients.addresses = [old.address, new.address]
        wait_for_work(new)
        wait_for_work(old)
        clients.addresses = [new.address]
        time.sleep(1)  # a balancer's: what it had passed on is answered
        old.stop("web", *ROLES)
        wait_for_work(new)
    finally:
        clients.end()
    assert Counter(each.code for each in clients.posted) == {202: len(clients.posted)}
    assert max(each.seconds for each in clients.posted) < SLOWEST_POST_SECONDS
    installation.port = new.port
    installation.wait_until(lambda: installation.count_unfinished() == 0, limit=60)
    assert received(installation) == {each.number: 1 for each in clients.posted}
    assert count_not_understood(installation) == 0


def wait_for_work(release: Release) -> None:
    """Wait until the workers of this release have sent some more of each channel."""
    before = {role: release.count_calls(role) for role in SENDERS}
    release.installation.wait_until(
        lambda: all(release.count_calls(role) >= before[role] + AT_WORK for role in SENDERS),
        limit=60,
    )


def received(installation: Installation) -> Counter[int]:
    """Return how often each number arrived, by mail or push."""
    mails = installation.sink.messages(kind="data", outcome="accepted")
    numbers = [str(read_mail(each)["To"]).removesuffix("@example.org") for each in mails]
    pushes = installation.fcm.messages(kind="send")
    numbers += [each["content"]["message"]["token"].replace("-", "") for each in pushes]
    return Counter(int(each.removeprefix("upgraded")) for each in numbers)


def count_not_understood(installation: Installation) -> int:
    """Return how many messages wait in `failed.queue`, which nobody reads here."""
    with amqp.Connection(f"127.0.0.1:{installation.rabbitmq.port}") as connection:
        declared: Any = connection.channel().queue_declare("failed.queue", passive=True)
    return int(declared.message_count)
