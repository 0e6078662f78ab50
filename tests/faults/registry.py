"""The rows of the fault table, each a function that injects one real fault."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.field import Field

Inject = Callable[[Field], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault: `settle` is the most seconds until everything accepted must be final.

    `verify` looks at what is left then. `soak`: may happen on top of other traffic.
    """

    number: str
    title: str
    inject: Inject
    short: bool = False
    soak: bool = False
    verify: Inject | None = None
    settle: float = 90.0
    doubts: bool = True  # whether anything may be in doubt
    all_delivered: bool = True  # whether everything accepted must reach its provider
    recover: float = 30.0
    p99_ms: float | None = None


ROWS: dict[str, Row] = {}


def fault_row(number: str, title: str, **promises: object) -> Callable[[Inject], Inject]:
    """Register a function as a row of the table, with what it promises (see Row)."""

    def register(inject: Inject) -> Inject:
        ROWS[number] = Row(number=number, title=title, inject=inject, **promises)  # type: ignore[arg-type]  # Row's own names
        return inject

    return register
