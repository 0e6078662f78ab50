"""How much of a backlog goes to the broker, by the pace of the workers: a clock of numbers."""

from apps.notifications.window import MOMENT_SECONDS, Window

LOOK_SECONDS = 0.02
MESSAGES = 4


def play(window: Window, *, pace: float, seconds: float, begin: float = 0.0) -> list[int]:
    """Let workers take so many notifications a second; return what waited at each look."""
    waited, queue, credit, now = [], list[int](), 0.0, begin
    while now < begin + seconds:
        credit += pace * LOOK_SECONDS
        while queue and credit >= queue[0]:
            credit -= queue.pop(0)
        credit = min(credit, pace * LOOK_SECONDS) if not queue else credit
        room = window.find_room(waiting=len(queue), most=MESSAGES * 100, now=now)
        free = MESSAGES - len(queue)
        while room > 0 and free > 0:
            size = min(100, max(1, -(-room // free)))
            window.note(size)
            queue.append(size)
            room, free = room - size, free - 1
        waited.append(sum(queue))
        now += LOOK_SECONDS
    return waited


def test_a_slow_provider_leaves_less_than_a_second_of_work_waiting() -> None:
    waited = play(Window(), pace=4, seconds=12)
    assert max(waited[len(waited) // 2 :]) <= 3


def test_a_fast_provider_soon_gets_full_messages() -> None:
    waited = play(Window(), pace=5000, seconds=3)
    assert min(waited[len(waited) // 2 :]) >= 100


def test_a_provider_that_becomes_slow_is_noticed_within_seconds() -> None:
    window = Window()
    play(window, pace=5000, seconds=2)
    window.find_room(waiting=0, most=400, now=2.0)
    waited = play(window, pace=4, seconds=200, begin=2.1)
    assert waited[-1] <= 3


def test_a_provider_that_becomes_fast_is_noticed_within_two_seconds() -> None:
    window = Window()
    play(window, pace=4, seconds=5)
    window.find_room(waiting=0, most=400, now=5.0)
    assert play(window, pace=5000, seconds=2, begin=5.1)[-1] >= 100


def test_quiet_times_teach_nothing() -> None:
    window = Window()
    first = window.find_room(waiting=0, most=400, now=0.0)
    assert window.find_room(waiting=0, most=400, now=100 * MOMENT_SECONDS) == first
