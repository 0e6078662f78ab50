"""How many notifications a worker claims at a time."""

import time
from itertools import islice
from uuid import UUID, uuid4

from apps.delivery.services.pacing import split_by_pace


def ids(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


def test_every_id_is_handed_out_once_and_in_order() -> None:
    wanted = ids(250)
    handed_out = [each for part in split_by_pace(wanted, seconds=10) for each in part]
    assert handed_out == wanted


def test_a_fast_provider_gets_larger_and_larger_parts_up_to_a_hundred() -> None:
    sizes = [len(part) for part in split_by_pace(ids(500), seconds=10)]
    assert max(sizes) == 100
    assert sorted(sizes[:-1]) == sizes[:-1]


def test_a_slow_provider_brings_the_parts_down_to_one() -> None:
    list(split_by_pace(ids(500), seconds=10))  # a fast past
    sizes = []
    for part in islice(split_by_pace(ids(200), seconds=10), 4):
        sizes.append(len(part))
        time.sleep(0.06 if len(part) == 1 else 0.3)
    assert sizes[-1] < sizes[0]
    assert sizes[-1] <= 3


def test_what_does_not_fit_into_the_time_is_left() -> None:
    wanted = ids(50)
    handed_out: list[UUID] = []
    for part in split_by_pace(wanted, seconds=0.1):
        handed_out += part
        time.sleep(0.06 * len(part))
    assert 0 < len(handed_out) < len(wanted)


def test_at_least_one_part_is_handed_out_however_short_the_time() -> None:
    assert next(iter(split_by_pace(ids(1), seconds=0)))
