"""`manage.py breaker`: look at the providers' circuit breakers, and close one by hand."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.delivery.services.breakers import ProviderBreaker, list_breakers, reset_breaker
from notifier.breaker import BreakerView
from notifier.management.command_line import as_json, one_line_errors, write_table

HEADERS = ("provider", "channel", "state", "failures", "since", "retry after", "reason")
NOT_SHARED = "needs {missing}; one process can be asked through the API: GET /api/v1/breakers"


class Command(BaseCommand):
    help = "Show the circuit breaker of every provider, or close one."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="every provider's breaker")
        resetting = actions.add_parser("reset", help="close one: the next call goes out")
        resetting.add_argument("name", metavar="NAME")
        for each in (listing, resetting):
            each.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.CACHE_URL:
            raise CommandError(NOT_SHARED.format(missing="Redis (CACHE_URL)"))
        with one_line_errors():
            is_listing = options["action"] == "list"
            found = list_breakers() if is_listing else reset_breaker(options["name"])
        if not all(view.is_shared for _, view in found):
            raise CommandError(NOT_SHARED.format(missing="Redis, which does not answer"))
        if options["json"]:
            self.stdout.write(as_json({"breakers": [_as_row(*each) for each in found]}))
        elif is_listing:
            write_table(self.stdout, HEADERS, [_as_cells(*each) for each in found])
        else:
            self.stdout.write(f"The breaker of {options['name']} is closed.")


def _as_row(breaker: ProviderBreaker, view: BreakerView) -> dict[str, Any]:
    fields = asdict(view)
    fields["retry_after"] = round(view.retry_after, 3)
    fields["opened_ago"] = None if view.opened_ago is None else round(view.opened_ago, 3)
    return {"provider": fields.pop("name"), "channel": breaker.channel, **fields}


def _as_cells(breaker: ProviderBreaker, view: BreakerView) -> tuple[object, ...]:
    wait = f"{view.retry_after:.1f} s" if view.retry_after else ""
    since = "" if view.opened_ago is None else f"{view.opened_ago:.0f} s"
    return breaker.name, breaker.channel, view.state, view.failures, since, wait, view.reason
