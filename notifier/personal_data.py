"""What apps keep about a person besides its account, and how that is erased and handed out.

The account's app knows none of the apps above it: they register here what they keep.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose data it is; `indexes` stand for its address and the tokens of its devices."""

    user_id: UUID
    organization_id: UUID
    indexes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """One app's part. `export` gives rows by the name of what they are, newest first."""

    erase: Callable[[Person], None]
    export: Callable[[Person], Mapping[str, Iterator[dict[str, Any]]]]


_keepers: dict[str, Keeper] = {}


def register_keeper(name: str, keeper: Keeper) -> None:
    _keepers[name] = keeper


def erase_everywhere(person: Person) -> None:
    """Have every app forget a person, in the caller's transaction.

    The last one first: it finds its rows by those of the apps below.
    """
    for keeper in reversed(_keepers.values()):
        keeper.erase(person)


def export_everywhere(person: Person) -> dict[str, Iterator[dict[str, Any]]]:
    """Return what every app keeps about a person; the rows are read when they are asked for."""
    kept: dict[str, Iterator[dict[str, Any]]] = {}
    for keeper in _keepers.values():
        kept |= keeper.export(person)
    return kept
