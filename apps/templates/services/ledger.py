"""What templates ask of the ledger above them: how versions fared, and a message to try one.

The ledger knows templates, not the other way round: it connects itself when the programs start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionUsage:
    """What became of the notifications that were accepted with a version."""

    number: int
    language: str
    sent: int
    delivered: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A message that its author sends to itself, to see it arrive."""

    organization_id: UUID
    user_id: UUID
    channel: str
    content: Mapping[str, Any]
    variables: Mapping[str, Any]
    template_code: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAnswer:
    """The notification that a trial became; `reason` says why it is not sent, if it is not."""

    notification_id: UUID
    status: str
    reason: str


class Ledger(Protocol):
    def count_usage(self, *, organization_id: UUID, code: str) -> Sequence[VersionUsage]: ...

    def accept_trial(self, trial: Trial) -> TrialAnswer:
        """Accept it like any other notification; raises what an accept raises."""


_connected: list[Ledger] = []


def connect_ledger(ledger: Ledger) -> None:
    """Tell the templates who keeps the ledger; once, when the programs start."""
    _connected[:] = [ledger]


def count_usage(*, organization_id: UUID, code: str) -> Sequence[VersionUsage]:
    """Return how each version of a template fared, by number."""
    return _connected[0].count_usage(organization_id=organization_id, code=code)


def send_trial(trial: Trial) -> TrialAnswer:
    """Send a message to its author through the ordinary path, marked as a test."""
    return _connected[0].accept_trial(trial)
