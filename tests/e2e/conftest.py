"""The installation that end-to-end tests share."""

from collections.abc import Iterator

import pytest

from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.installation import Installation
from tests.standins.processes import FcmService, MailApiService, SmtpSink


@pytest.fixture(scope="module")
def mail_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailApiService]:
    service = MailApiService(tmp_path_factory.mktemp("mail-api"))
    service.start()
    yield service
    service.kill()


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, rabbitmq: RabbitMQ, redis: Redis
) -> Iterator[Installation]:
    """Every role of a fresh installation, with short waits between attempts and leases."""
    folder = tmp_path_factory.mktemp("e2e")
    whole = Installation(
        folder=folder,
        postgres=postgres,
        rabbitmq=rabbitmq,
        redis=redis,
        sink=SmtpSink(folder / "smtp"),
        fcm=FcmService(folder / "fcm"),
        settings={"SEND_LEASE_SECONDS": "6"},
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


@pytest.fixture(autouse=True)
def _healthy_providers(installation: Installation) -> None:
    """Begin each test with providers in good health and nothing received."""
    installation.sink.reset()
    installation.fcm.reset()
