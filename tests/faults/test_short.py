"""The short form of the fault suite: every row is a real fault, with small numbers."""

from collections.abc import Iterator

import pytest

from deploy.local.servers import Postgres, RabbitMQ, Redis
from tests.e2e.installation import Installation
from tests.faults.registry import Row
from tests.faults.runner import load_rows, open_installation, run_row

SEED = 1  # the same faults in every run; `make faults` draws another one each time
SHORT = [row for row in load_rows().values() if row.short]


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, rabbitmq: RabbitMQ, redis: Redis
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("faults")
    with open_installation(folder, postgres=postgres, rabbitmq=rabbitmq, redis=redis) as whole:
        yield whole


@pytest.mark.parametrize("row", SHORT, ids=[row.number for row in SHORT])
def test_nothing_is_lost_and_nothing_doubled(row: Row, installation: Installation) -> None:
    result = run_row(row, installation, seed=SEED, short=True)
    assert not result.problems
