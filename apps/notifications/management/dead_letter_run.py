"""What `replay_failed` and `discard_failed` share: select, change in groups, report."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError

from apps.notifications.management.pacing import pace, read_rate
from apps.notifications.services.intervening import Selection
from notifier.management.command_line import as_json, first_line

Change = Callable[[Sequence[UUID]], list[UUID]]
INTERRUPTED = 130  # what a shell expects after Ctrl-C


@dataclass(kw_only=True)
class DeadLetterRun:
    """One run over the dead letters of a selection; `changed` grows group by group."""

    matched: list[UUID]
    by_error_code: Mapping[str, int]
    is_cut: bool  # more may match than the limit let through
    dry_run: bool
    changed: list[UUID] = field(default_factory=list)

    def carry_out(self, change: Change, *, rate: str | None, label: str) -> None:
        """Change group by group; every group that was changed stays changed, whatever comes.

        Raises CommandError that says how far it came.
        """
        try:
            for group in pace(self.matched, rate=read_rate(rate), label=label):
                self.changed += change(group)
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(self._stopped(f": {first_line(error)}")) from error
        except KeyboardInterrupt as error:
            raise CommandError(self._stopped(""), returncode=INTERRUPTED) from error

    def as_json(self) -> str:
        """The same shape as the API's answer to a replay."""
        ids = self.matched if self.dry_run else self.changed
        counts = {"matched": len(self.matched), "changed": len(self.changed)}
        return as_json({**counts, "dry_run": self.dry_run, "ids": ids})

    def as_text(self, *, done: str) -> str:
        if not self.matched:
            return "Nothing to do: no dead letter matches."
        lines = [f"{done} {len(self.changed)} of {len(self.matched)} dead letters."]
        if self.dry_run:
            lines = [f"{len(self.matched)} dead letters match; nothing was changed."]
            lines += [f"  {count:>7}  {code}" for code, count in self.by_error_code.items()]
        elif len(self.changed) < len(self.matched):
            lines.append("The others were replayed or discarded by somebody else meanwhile.")
        if self.is_cut:
            lines.append("The limit is reached; more may match.")
        return "\n".join(lines)

    def _stopped(self, why: str) -> str:
        return (
            f"stopped after {len(self.changed)} of {len(self.matched)}{why};"
            " the same command goes on with the rest"
        )


def begin_run(selection: Selection, *, dry_run: bool) -> DeadLetterRun:
    """Look up what the selection means now; what fails later is not part of this run."""
    rows = list(selection.matching().values_list("pk", "error_code"))
    codes = Counter(code or "(no error code)" for _, code in rows)
    return DeadLetterRun(
        matched=[pk for pk, _ in rows],
        by_error_code=dict(codes.most_common()),
        is_cut=len(rows) == selection.limit,
        dry_run=dry_run,
    )


def report_run(run: DeadLetterRun, options: Mapping[str, Any], *, done: str) -> str:
    return run.as_json() if options["json"] else run.as_text(done=done)
