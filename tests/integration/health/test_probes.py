"""How probes are run: side by side, bounded in time, one at a time for each dependency."""

import threading
import time

from notifier.health import Unhealthy, find_out


def test_a_probe_that_hangs_holds_nobody_and_is_not_started_again() -> None:
    release, started = threading.Event(), []

    def hang() -> str:
        started.append(1)
        release.wait(10)
        return "late"

    begun_at = time.monotonic()
    for _ in range(3):
        found = find_out({"hanging": hang, "quick": lambda: "ok"}, limit=0.1)
        assert found["hanging"].problem == "no answer in time"
        assert found["quick"].value == "ok"
    assert time.monotonic() - begun_at < 1
    assert len(started) == 1
    release.set()
    assert find_out({"hanging": hang}, limit=5)["hanging"].value == "late"


def test_what_goes_wrong_is_named_only_where_the_words_are_ours() -> None:
    def break_down() -> None:
        raise OSError("password of the user is hunter2")

    def find_fault() -> None:
        raise Unhealthy("2 migrations have not been applied")

    found = find_out({"a": break_down, "b": find_fault})
    assert found["a"].problem == "not reachable"
    assert found["b"].problem == "2 migrations have not been applied"


def test_what_was_just_found_is_not_asked_again() -> None:
    asked: list[int] = []
    for _ in range(3):
        find_out({"once": lambda: asked.append(1)}, max_age=60)
    assert len(asked) == 1
    find_out({"once": lambda: asked.append(1)})
    assert len(asked) == 2
