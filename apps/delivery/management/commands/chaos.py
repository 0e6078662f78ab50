"""`manage.py chaos`: makes the provider of `make up` fail for a while, to watch what happens."""

import re
import time
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.delivery.management.embedded import find_running_address
from apps.delivery.providers.simulator import TROUBLES
from apps.delivery.services.simulating import Chaos, begin_chaos, end_chaos, is_playground
from notifier.management.command_line import manage_command

OFF = "off"
LONGEST_SECONDS = 600
_DURATION = re.compile(r"(\d+)(s|m|)")
_EFFECTS = {
    "503": "answers 503: each attempt fails, and is repeated after 2, 4 and 8 s",
    "refuse": "cannot be connected to: each attempt fails, and is repeated after 2, 4 and 8 s",
    "reject": "refuses everything for good: dead letters at once",
    "slow": "takes 5 s for each message",
    "hang": "takes what it is given and does not answer for 10 s: each attempt is in doubt",
}


class Command(BaseCommand):
    help = "Have the provider of `make up` fail for a while. It ends by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", default="", help="default: the first that captures")
        parser.add_argument("--mode", choices=(*TROUBLES, OFF), default="503")
        parser.add_argument(
            "--for",
            dest="seconds",
            type=read_duration,
            default=30,
            metavar="TIME",
            help="30s or 2m, at most 10m",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = _require_playground()
        provider = _choose_provider(options["provider"])
        if options["mode"] == OFF:
            end_chaos()
            self.stdout.write(f"{provider} behaves again.")
            return
        seconds: int = options["seconds"]
        begin_chaos(Chaos(provider=provider, mode=options["mode"], until=time.time() + seconds))
        self.stdout.write("\n".join(_describe(provider, options["mode"], seconds, address)))


def read_duration(text: str) -> int:
    """Return the seconds of `30s`, `2m` or `45`."""
    found = _DURATION.fullmatch(text)
    seconds = int(found[1]) * (60 if found[2] == "m" else 1) if found else 0
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ArgumentTypeError(f"expected 1s to {LONGEST_SECONDS // 60}m, not {text!r}")
    return seconds


def _require_playground() -> str:
    """Return where `make up` runs; what sends for real is never made to fail on purpose."""
    if not is_playground():
        raise CommandError(
            "chaos is for `make up` alone: embedded (no BROKER_URL) and NOTIFIER_ENV=development"
        )
    address = find_running_address()
    if address is None:
        raise CommandError("nothing runs here that could fail; start it first: make up")
    return address


def _choose_provider(name: str) -> str:
    urls = (*settings.EMAIL_PROVIDER_URLS, *settings.PUSH_PROVIDER_URLS)
    names = list(dict.fromkeys(url.name for url in urls if url.scheme == "capture"))
    if not names:
        raise CommandError("no provider captures: those that send for real are left alone")
    if name and name not in names:
        raise CommandError(f"--provider: expected {' or '.join(names)} (it has to be capture://)")
    return name or names[0]


def _describe(provider: str, mode: str, seconds: int, address: str) -> list[str]:
    ends_at = timezone.now() + timedelta(seconds=seconds)
    order = ("--email", "ada@example.org", "--template", "welcome")
    variables = ("--var", "name=Ada", "link=https://example.org/start")
    opens = f"opens after {settings.BREAKER_THRESHOLD} failures in a row"
    return [
        f"For {seconds} s (until {ends_at:%H:%M:%S} UTC) {provider} {_EFFECTS[mode]}.",
        "Send something, a few times:",
        f"  {manage_command('send', *order, *variables, '--wait', '30')}",
        "and watch:",
        f"  the timeline       {address}/admin/notifications/notification/",
        f"  the breaker        {address}/admin/delivery/circuitbreaker/   ({opens})",
        f"  what was given up  {address}/admin/notifications/deadletter/",
        "Send again what was given up, when it is over:",
        f"  {manage_command('replay_failed', '--since', '1h', '--dry-run')}   (then without)",
        f"It ends by itself, or with: {manage_command('chaos', '--mode', OFF)}",
    ]
