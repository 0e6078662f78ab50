"""What a process remembers of the database, with the SQL that proves that it is still so.

A statement that acts on facts carries their conditions: it sees the rows as they are now, so what
is stale never counts, whoever changed it and wherever. No messages, no clocks, no waiting.
"""

import re
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from django.db import connection

from notifier.measurements import count_cache_read
from notifier.prepared import PLACE, number_places, read_prepared

Value = TypeVar("Value")
_TYPED_PLACE: Final = re.compile(PLACE + r"::(\w+(?:\[\])?)")


@dataclass(frozen=True, slots=True)
class Fact:
    """What the database answered, and when it would do so again.

    `condition` is SQL over `parameters` (each `%s`), true as long as the answer is the same.
    """

    values: tuple[Any, ...]
    condition: str
    parameters: tuple[object, ...]


@lru_cache(maxsize=100)
def read_from_row(condition: str, first: int) -> tuple[str, dict[str, str]]:
    """Return a fact's condition over columns of a row `r`, and these columns with their types.

    They are named `p` and a number from `first` on, in the order of the fact's parameters.
    """
    kinds = _TYPED_PLACE.findall(condition)
    columns = {f"p{first + number}": kind for number, kind in enumerate(kinds)}
    names = iter(columns)
    return _TYPED_PLACE.sub(lambda _place: f"r.{next(names)}", condition), columns


class Question:
    """One row of `columns` (SQL → PostgreSQL type) out of `source` (`table … WHERE … %s`).

    The same text asks and proves, so no column that was read can be left out of the proof.
    """

    def __init__(self, *, columns: Mapping[str, str], source: str) -> None:
        names = ", ".join(columns)
        places = ", ".join(f"{PLACE}::{kind}" for kind in columns.values())
        self._asking = number_places(f"SELECT {names} FROM {source}")
        self._condition = (
            f"EXISTS (SELECT FROM {source} AND ({names}) IS NOT DISTINCT FROM ({places}))"
        )

    def ask(self, *key: object) -> Fact | None:
        """Return what the database says now; None for no such row."""
        rows = read_prepared(self._asking, key)
        return Fact(rows[0], self._condition, (*key, *rows[0])) if rows else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(Generic[Value]):
    """A value with the fact that it rests on; `forget` it when that no longer holds."""

    value: Value
    fact: Fact
    forget: Callable[[], None]


def forget_untrue(known: Sequence[Known[Any]]) -> bool:
    """Forget what no longer holds; return whether there was any."""
    holds = check_facts([each.fact for each in known])
    for each, still in zip(known, holds, strict=True):
        if not still:
            each.forget()
    return not all(holds)


class Memory(Generic[Value]):
    """The last `most` values by their keys; safe in threads."""

    def __init__(self, kind: str, *, most: int) -> None:
        self._kind = kind
        self._most = most
        self._lock = threading.Lock()
        self._values: dict[Hashable, Value] = {}

    def recall(self, key: Hashable) -> Value | None:
        value = self._values.get(key)
        count_cache_read(self._kind, is_hit=value is not None)
        return value

    def keep(self, key: Hashable, value: Value) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                del self._values[next(iter(self._values))]  # the oldest

    def forget(self, key: Hashable) -> None:
        with self._lock:
            self._values.pop(key, None)


def can_prove() -> bool:
    """PostgreSQL alone has the SQL of facts; elsewhere nothing is remembered."""
    return bool(connection.vendor == "postgresql")


def check_facts(facts: Sequence[Fact]) -> list[bool]:
    """Ask the database, in one statement, which of the facts hold."""
    conditions = ", ".join(fact.condition for fact in facts)
    parameters = [value for fact in facts for value in fact.parameters]
    return list(read_prepared(number_places(f"SELECT {conditions}"), parameters)[0])
