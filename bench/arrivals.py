"""How long mails were under way: from when they were posted to when the sink had them."""

import secrets
from collections.abc import Mapping, Sequence

from bench.crew import Crew
from bench.measured import find_percentile
from bench.standins.sinks import JournalSink


def make_marks(count: int) -> list[str]:
    """Return marks that no other mail carries."""
    unique = secrets.token_hex(4)
    return [f"{unique}-{number}" for number in range(count)]


def wait_for_arrivals(
    sink: JournalSink, sent_at: Mapping[str, float], *, crew: Crew, limit: float
) -> list[float]:
    """Return the seconds each mail took; CannotRun when one is not there within `limit`."""
    arrivals: dict[str, float] = {}

    def all_there() -> bool:
        arrivals.update(sink.read_arrivals())
        return sent_at.keys() <= arrivals.keys()

    crew.wait_until(all_there, what="the arrival of every mail", limit=limit)
    return [arrivals[mark] - at for mark, at in sent_at.items()]


def describe_waits(seconds: Sequence[float]) -> dict[str, float]:
    shares = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}
    return {name: 1000 * find_percentile(seconds, share) for name, share in shares.items()}
