"""The breaker's state machine inside one process, with a clock that the test moves."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from notifier.breaker import Breaker, CircuitOpen
from notifier.circuits import CircuitRules, LocalCircuit

RULES = CircuitRules(threshold=3, reset_seconds=10, trial_seconds=60, window_seconds=30)


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> LocalCircuit:
    return LocalCircuit(RULES, clock=clock)


def fail(circuit: LocalCircuit, times: int = 1) -> None:
    for _ in range(times):
        circuit.admit("a")
        circuit.report("a", ok=False)


def verdict(circuit: LocalCircuit, token: str = "t") -> str:  # noqa: S107  # no secret
    return circuit.admit(token).verdict


def test_failures_in_a_row_open_it(circuit: LocalCircuit) -> None:
    fail(circuit, 2)
    assert verdict(circuit) == "closed"
    fail(circuit)
    admission = circuit.admit("b")
    assert (admission.verdict, admission.wait) == ("open", 10)


def test_a_success_in_between_begins_the_count_anew(circuit: LocalCircuit) -> None:
    fail(circuit, 2)
    circuit.report("a", ok=True)
    fail(circuit, 2)
    assert verdict(circuit) == "closed"


def test_failures_far_apart_do_not_add_up(circuit: LocalCircuit, clock: Clock) -> None:
    fail(circuit, 2)
    clock.now += 31
    fail(circuit, 2)
    assert verdict(circuit) == "closed"


def test_after_the_reset_time_there_is_one_trial_and_its_success_closes(
    circuit: LocalCircuit, clock: Clock
) -> None:
    fail(circuit, 3)
    clock.now += 10
    assert verdict(circuit, "first") == "trial"
    assert verdict(circuit, "second") == "half_open"
    assert circuit.report("first", ok=True) == "closed"
    assert verdict(circuit) == "closed"


def test_a_failed_trial_opens_it_again(circuit: LocalCircuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 10
    circuit.admit("trial")
    assert circuit.report("trial", ok=False) == "open"
    assert circuit.admit("b").wait == 10


def test_a_late_answer_of_an_old_call_neither_closes_nor_opens(
    circuit: LocalCircuit, clock: Clock
) -> None:
    circuit.admit("old")
    fail(circuit, 3)
    assert circuit.report("old", ok=True) is None
    assert verdict(circuit) == "open"
    clock.now += 10
    assert verdict(circuit, "trial") == "trial"
    assert circuit.report("old", ok=False) is None
    assert circuit.report("trial", ok=True) == "closed"


def test_a_trial_whose_process_died_makes_room(circuit: LocalCircuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 10
    circuit.admit("dead")
    clock.now += 60
    assert verdict(circuit, "next") == "trial"
    assert circuit.report("dead", ok=True) is None
    assert circuit.report("next", ok=True) == "closed"


def test_a_trial_that_was_not_made_makes_room_at_once(circuit: LocalCircuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += 10
    circuit.admit("unmade")
    assert circuit.report("unmade", ok=None) is None
    assert verdict(circuit) == "trial"


def test_forcing_it_open_never_shortens_the_wait(circuit: LocalCircuit) -> None:
    circuit.force_open(60, reason="misconfigured")
    circuit.force_open(5, reason="misconfigured")
    assert circuit.admit("b").wait == 60
    view = circuit.view("p")
    assert (view.state, view.reason, view.retry_after) == ("open", "misconfigured", 60)


def test_a_pause_holds_calls_back_and_leaves_it_closed(
    circuit: LocalCircuit, clock: Clock
) -> None:
    circuit.pause(20)
    assert verdict(circuit) == "paused"
    view = circuit.view("p")
    assert (view.state, view.reason, view.is_paused) == ("closed", "rate_limited", True)
    clock.now += 20
    assert verdict(circuit) == "closed"


def test_a_reset_forgets_everything(circuit: LocalCircuit) -> None:
    fail(circuit, 3)
    circuit.pause(20)
    circuit.reset()
    assert verdict(circuit) == "closed"


def test_open_circuits_whose_time_is_over_are_shown_as_half_open(
    circuit: LocalCircuit, clock: Clock
) -> None:
    fail(circuit, 3)
    clock.now += 11
    assert circuit.view("p").state == "half_open"


def test_of_many_threads_one_gets_the_trial() -> None:
    breaker = Breaker("p", rules=RULES, shared=None)
    breaker.force_open(0, reason="test")
    with ThreadPoolExecutor(max_workers=8) as pool:
        admitted = list(pool.map(lambda _: try_to_pass(breaker), range(32)))
    assert sum(admitted) == 1


def try_to_pass(breaker: Breaker) -> bool:
    try:
        return breaker.admit().is_trial
    except CircuitOpen:
        return False


def test_it_tells_when_it_opened_first_over_failed_trials(
    circuit: LocalCircuit, clock: Clock
) -> None:
    assert circuit.view("p").opened_ago is None
    fail(circuit, 3)
    clock.now += 11
    assert verdict(circuit) == "trial"
    circuit.report("t", ok=False)
    clock.now += 4
    assert circuit.view("p").opened_ago == 15
    circuit.reset()
    assert circuit.view("p").opened_ago is None
