"""What threads ask for at the same time is done together, and each gets its own result."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from notifier.group_commit import GroupCommit

LIMIT = 10


class Desk:
    """Executes groups and remembers them; the item 0 keeps it until `release` is set."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.began, self.release = threading.Event(), threading.Event()
        self.commit: GroupCommit[int, str] = GroupCommit(self.execute, most=5)

    def execute(self, items: Sequence[int]) -> list[str | Exception]:
        self.groups.append(list(items))
        if 0 in items:
            self.began.set()
            assert self.release.wait(LIMIT)
        if 13 in items:
            raise LookupError
        return [ValueError(str(item)) if item < 0 else f"done {item}" for item in items]

    def begin(self, pool: ThreadPoolExecutor) -> "Future[str]":
        """Have a thread busy with the item 0."""
        first = pool.submit(self.commit.submit, 0)
        assert self.began.wait(LIMIT)
        return first


def test_one_alone_is_done_at_once() -> None:
    desk = Desk()
    assert [desk.commit.submit(1), desk.commit.submit(2)] == ["done 1", "done 2"]
    assert desk.groups == [[1], [2]]


def test_what_comes_meanwhile_goes_together_and_each_gets_its_own_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("notifier.group_commit.PATIENCE_SECONDS", LIMIT)
    desk = Desk()
    with ThreadPoolExecutor(8) as pool:
        first = desk.begin(pool)
        others = [pool.submit(desk.commit.submit, item) for item in range(1, 8)]
        while len(desk.commit._waiting) < 7:  # noqa: SLF001  # nothing outside tells who waits
            pass
        desk.release.set()
        assert first.result(LIMIT) == "done 0"
        assert [each.result(LIMIT) for each in others] == [f"done {item}" for item in range(1, 8)]
    assert [len(group) for group in desk.groups] == [1, 5, 2]


def test_an_error_is_raised_where_it_belongs() -> None:
    desk = Desk()
    with ThreadPoolExecutor(4) as pool:
        first = desk.begin(pool)
        wrong = pool.submit(desk.commit.submit, -7)
        right = pool.submit(desk.commit.submit, 7)
        desk.release.set()
        assert (first.result(LIMIT), right.result(LIMIT)) == ("done 0", "done 7")
        with pytest.raises(ValueError, match="-7"):
            wrong.result(LIMIT)
        with pytest.raises(LookupError):
            desk.commit.submit(13)
    assert desk.commit.submit(1) == "done 1"


def test_who_is_held_up_holds_up_nobody_else() -> None:
    desk = Desk()
    with ThreadPoolExecutor(3) as pool:
        first = desk.begin(pool)
        assert pool.submit(desk.commit.submit, 1).result(LIMIT) == "done 1"
        assert desk.commit.submit(2) == "done 2"
        assert not first.done()
        desk.release.set()
        assert first.result(LIMIT) == "done 0"
