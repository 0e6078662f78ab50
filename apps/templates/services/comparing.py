"""What changed between two versions, line by line in each part."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

CONTEXT = 3
# SequenceMatcher takes quadratic time where many lines are alike.
MAX_LINES = 1500


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
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for position, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
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
