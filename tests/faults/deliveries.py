"""What providers took, counted from where the last look at their logs ended."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation


class Deliveries:
    """How often the providers took each notification; a long run's logs are read once, not again.

    Begins anew when a log was emptied.
    """

    def __init__(self, installation: Installation) -> None:
        self._kinds = {installation.sink.journal: "data", installation.fcm.journal: "send"}
        self._read: Counter[Path] = Counter()
        self._counts: Counter[str] = Counter()

    def count(self) -> Counter[str]:
        if any(path.stat().st_size < self._read[path] for path in self._kinds if path.exists()):
            self._read.clear()
            self._counts.clear()
        for path, kind in self._kinds.items():
            self._take_up(path, kind)
        return self._counts.copy()

    def _take_up(self, path: Path, kind: str) -> None:
        if not path.exists():
            return
        with path.open("rb") as journal:
            journal.seek(self._read[path])
            for line in journal:
                if not line.endswith(b"\n"):
                    return
                self._read[path] += len(line)
                self._note(json.loads(line), kind)

    def _note(self, record: dict[str, Any], kind: str) -> None:
        if record["kind"] == kind and record["outcome"] == "accepted":
            self._counts[read_notification_id(record)] += 1


def read_notification_id(record: dict[str, Any]) -> str:
    """Return whose mail or push a record is; "" where it names none."""
    if record["kind"] == "data":
        return str(record["notification_id"])
    return str(record["content"]["message"].get("data", {}).get("notification_id", ""))
