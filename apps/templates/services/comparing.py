"""What changed between two versions, line by line in each part."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import Any

CONTEXT = 3
# SequenceMatcher takes cubic time where many lines are alike: these are a quarter of a second.
MAX_LINES = 1500
MAX_STEPS = 2_000_000


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a comparison; a number is None on the side that does not have it."""

    kind: str  # same, added, removed, gap
    old_number: int | None
    new_number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class PartDiff:
    """A part that differs; without lines where it is too long to be compared by line."""

    part: str
    added: int
    removed: int
    lines: tuple[DiffLine, ...]


def compare_contents(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[PartDiff]:
    """Return the parts that differ, in the order in which authors write them."""
    parts = dict.fromkeys((*new, *old))
    return [
        _compare_texts(part, _as_text(old.get(part)), _as_text(new.get(part)))
        for part in parts
        if old.get(part) != new.get(part)
    ]


def _as_text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def _compare_texts(part: str, old_text: str, new_text: str) -> PartDiff:
    old, new = old_text.splitlines(), new_text.splitlines()
    if max(len(old), len(new)) > MAX_LINES:
        return PartDiff(part, len(new), len(old), ())
    lines = tuple(_list_lines(old, new))
    kinds = [line.kind for line in lines]
    return PartDiff(part, kinds.count("added"), kinds.count("removed"), lines)


def _list_lines(old: list[str], new: list[str]) -> Iterator[DiffLine]:
    for position, group in enumerate(_group_changes(old, new)):
        if position:
            yield DiffLine("gap", None, None, "")
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                for shift, text in enumerate(old[old_start:old_end]):
                    yield DiffLine("same", old_start + shift + 1, new_start + shift + 1, text)
                continue
            for number, text in enumerate(old[old_start:old_end], old_start + 1):
                yield DiffLine("removed", number, None, text)
            for number, text in enumerate(new[new_start:new_end], new_start + 1):
                yield DiffLine("added", None, number, text)


class TooAlike(Exception):
    """Finding out which line became which would take too long."""


class MeteredMatcher(SequenceMatcher[str]):
    """Raises TooAlike after MAX_STEPS pairs of equal lines that it had to look at."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, old, new, autojunk=False)
        counts = Counter(new)
        pairs = (1 + counts[line] for line in old)
        self._pairs_before = [0, *accumulate(pairs)]
        self._steps = 0

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        end = -1 if ahi is None else ahi
        self._steps += self._pairs_before[end] - self._pairs_before[alo]
        if self._steps > MAX_STEPS:
            raise TooAlike
        return super().find_longest_match(alo, ahi, blo, bhi)


def _group_changes(
    old: Sequence[str], new: Sequence[str]
) -> list[list[tuple[str, int, int, int, int]]]:
    """Return the changes with what stands around them; one after the other if too alike."""
    try:
        return [list(group) for group in MeteredMatcher(old, new).get_grouped_opcodes(CONTEXT)]
    except TooAlike:
        return [[("replace", 0, len(old), 0, len(new))]]
