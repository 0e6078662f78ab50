"""`manage.py doctor`: what is wrong with this installation, and what mends it."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.delivery.management.checkup import Finding, run_checks
from notifier.management.command_line import as_json, printable


class Command(BaseCommand):
    help = "Check settings, database, broker, cache, providers and the work. Sends nothing."
    requires_system_checks: list[str] = []  # a broken set-up is what it is for

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in run_checks():
            findings.append(finding)
            if not options["json"]:
                self._write_line(finding)
        failures = sum(finding.state == "failed" for finding in findings)
        if options["json"]:
            checks = [asdict(finding) for finding in findings]
            self.stdout.write(as_json({"ok": not failures, "checks": checks}))
        if failures:
            raise CommandError(f"{failures} of {len(findings)} checks failed")

    def _write_line(self, finding: Finding) -> None:
        paint = {
            "ok": self.style.SUCCESS,
            "warning": self.style.WARNING,
            "failed": self.style.ERROR,
        }[finding.state]
        mend = f"  ->  {finding.mend}" if finding.mend else ""
        state = paint(f"{finding.state:<8}")
        self.stdout.write(f"{state} {finding.name:<24} {printable(finding.message)}{mend}")
