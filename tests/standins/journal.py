"""What a stand-in received, as JSON lines in a file and as counts."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any


class Journal:
    """Appends one flushed line per message, so that it survives the stand-in's own end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8")
        self._counts: Counter[str] = Counter()

    def record(self, kind: str, **facts: Any) -> None:
        """Write a message with the time; counted by kind and, where it has one, outcome."""
        self._file.write(json.dumps({"time": time.time(), "kind": kind, **facts}) + "\n")
        self._file.flush()
        self.count(kind)
        if "outcome" in facts:
            self.count(f"{kind}.{facts['outcome']}")

    def count(self, name: str) -> None:
        self._counts[name] += 1

    def reset(self) -> None:
        self._file.truncate(0)
        self._counts.clear()

    def close(self) -> None:
        self._file.close()

    def get_counts(self) -> dict[str, int]:
        return dict(self._counts)

    def read(self) -> list[dict[str, Any]]:
        return read_journal(self._path)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the recorded messages, oldest first; none when there is no such file yet."""
    if not path.exists():
        return []
    whole_lines = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole_lines.splitlines()]
