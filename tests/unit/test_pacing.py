"""How many notifications a worker claims at a time."""

import time
from itertools import islice
from uuid import UUID, uuid4

import pytest

from apps.delivery.services import pacing
from apps.delivery.services.pacing import note_turn, split_by_pace


def ids(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


def test_every_id_is_handed_out_once_and_in_order() -> None:
    wanted = ids(250)
    handed_out = [each for part, _ in split_by_pace(wanted, seconds=10) for each in part]
    assert handed_out == wanted


def test_a_fast_provider_gets_larger_and_larger_parts_up_to_a_hundred() -> None:
    sizes = [len(part) for part, _ in split_by_pace(ids(500), seconds=10)]
    assert max(sizes) == 100
    assert sorted(sizes[:-1]) == sizes[:-1]


def test_a_slow_provider_brings_the_parts_down_to_one() -> None:
    list(split_by_pace(ids(500), seconds=10))  # a fast past
    sizes = []
    for part, _ in islice(split_by_pace(ids(200), seconds=10), 4):
        sizes.append(len(part))
        time.sleep(0.06 if len(part) == 1 else 0.3)
    assert sizes[-1] < sizes[0]
    assert sizes[-1] <= 3


def test_what_does_not_fit_into_the_time_is_left() -> None:
    wanted = ids(50)
    handed_out: list[UUID] = []
    for part, _ in split_by_pace(wanted, seconds=0.1):
        handed_out += part
        time.sleep(0.06 * len(part))
    assert 0 < len(handed_out) < len(wanted)


def test_at_least_one_part_is_handed_out_however_short_the_time() -> None:
    assert next(iter(split_by_pace(ids(1), seconds=0)))


def widths(count: int) -> list[int]:
    return [width for _, width in split_by_pace(ids(count), seconds=10, when_slow=8)]


def test_what_takes_long_in_turn_is_sent_side_by_side_until_it_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    note_turn(0.001)
    assert set(widths(100)) == {1}
    note_turn(0.1)  # it may have had to connect
    assert set(widths(100)) == {1}
    note_turn(0.1)
    assert set(widths(100)) == {8}
    monkeypatch.setattr(pacing, "LOOK_AGAIN_SECONDS", 0.0)
    assert set(widths(100)) == {1}


def test_a_part_is_no_smaller_than_what_is_sent_side_by_side() -> None:
    note_turn(0.1)
    note_turn(0.1)
    for part, width in split_by_pace(ids(32), seconds=10, when_slow=8):
        assert len(part) >= width == 8
        time.sleep(0.1)
