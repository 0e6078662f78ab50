"""How the stand-ins are told to misbehave, and what their journal keeps."""

from pathlib import Path

import pytest

from tests.standins.behaviour import Behaviour, read_behaviour
from tests.standins.journal import Journal, read_journal


def test_fail_next_is_used_up() -> None:
    behaviour = Behaviour(fail_next=2)
    assert [behaviour.take_fault("send") for _ in range(3)] == ["status", "status", ""]


def test_fail_always_goes_on_until_the_behaviour_changes() -> None:
    behaviour = Behaviour(fail_always=True, fault="reset")
    assert {behaviour.take_fault("send") for _ in range(5)} == {"reset"}


def test_a_target_spares_other_calls() -> None:
    behaviour = Behaviour(fail_next=1, target="token")
    assert behaviour.take_fault("send") == ""
    assert behaviour.take_fault("token") == "status"


@pytest.mark.parametrize("wish", [{"fail_nxt": 1}, {"fault": "explode"}])
def test_a_misspelt_wish_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"unknown|fault must be"):
        read_behaviour(wish)


def test_a_journal_can_be_read_while_it_is_written_and_after_a_reset(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    journal.record("send", outcome="accepted", content="one")
    assert [record["content"] for record in read_journal(tmp_path / "log")] == ["one"]
    journal.reset()
    journal.record("send", outcome="refused", content="two")
    assert [record["content"] for record in journal.read()] == ["two"]
    assert journal.get_counts() == {"send": 1, "send.refused": 1}
    journal.close()


def test_a_line_that_is_not_finished_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"kind": "send"}\n{"kind": "se')
    assert read_journal(path) == [{"kind": "send"}]
