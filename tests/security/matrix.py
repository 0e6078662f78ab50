"""Reads authorization.md: each line of its tables as what a test can ask."""

import re
from dataclasses import dataclass
from pathlib import Path

TABLES = Path(__file__).with_name("authorization.md")
# The headings say the scope alone; the scope `admin` is the second column of that name.
COLUMNS = (
    "anonymous",
    "ended",
    "ada",
    "member",
    "sender",
    "admin",
    *(f"key {scope}" for scope in ("send", "read", "templates", "users", "status", "admin")),
    "key all",
    "test key",
    "foreign",
)
HOME = [name for name in COLUMNS if name not in {"ended", "ada", "foreign"}]
_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<route>\S+)(?: \((?P<variant>.+)\))?")


@dataclass(frozen=True, slots=True)
class Line:
    """One request and its expected answers by column; routes below the root begin with //."""

    method: str
    route: str
    variant: str
    cells: dict[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.route}" + (f" ({self.variant})" if self.variant else "")

    @property
    def pattern(self) -> str:
        """The route as the URL configuration has it: whose id it is makes no difference there."""
        return self.route.replace("admin_id", "user_id")

    @property
    def is_public(self) -> bool:
        return self.status("anonymous") < 400

    @property
    def is_about_ada(self) -> bool:
        """Is it about something of the first organization, which others must not see?"""
        return self.cells["foreign"] != "own"

    def status(self, column: str) -> int:
        return int(self.cells[column].rstrip("*"))

    def may_know(self, column: str) -> bool:
        """May this caller, though refused, know that the thing exists?"""
        return self.cells[column].endswith("*")

    def is_worth_asking_abroad(self, column: str) -> bool:
        """Whoever is refused at home is refused abroad: one person and one key stand for all."""
        return self.status_abroad(column) != 403 or column in {"member", "key status"}

    def status_abroad(self, column: str) -> int:
        """Return what the same kind of caller of another organization must get."""
        at_home = self.status(column)
        if not self.is_about_ada:
            return at_home
        return 404 if at_home < 400 or self.may_know(column) else at_home


def read_lines() -> list[Line]:
    """Return every line of the tables that are about requests."""
    rows = [_cells_of(text) for text in TABLES.read_text().splitlines() if text.startswith("|")]
    return [_read_line(cells) for cells in rows if _REQUEST.fullmatch(cells[0])]


def _cells_of(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip().strip("|").split("|")]


def _read_line(cells: list[str]) -> Line:
    request, *answers = cells
    found = _REQUEST.fullmatch(request)
    assert found, request
    assert len(answers) == len(COLUMNS), f"{request}: {len(answers)} answers"
    method, route, variant = found["method"], found["route"], found["variant"] or ""
    return Line(method, route, variant, dict(zip(COLUMNS, answers, strict=True)))
