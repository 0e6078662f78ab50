"""`manage.py send`: a notification from the shell, or one for each row of a file."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.notifications.management.csv_sending import add_csv_arguments, send_csv
from apps.notifications.management.following import NOT_SENT, follow_until_final
from apps.notifications.management.shell_order import add_order_arguments, build_order
from apps.notifications.management.timeline import read_timeline, write_timeline
from apps.notifications.services.accepting import Accepted, accept_notification
from apps.users.services import get_organization
from notifier.authentication import Principal, Scope
from notifier.correlation import bind_correlation_id
from notifier.management.command_line import as_json, manage_command, one_line_errors

# `users` finds the person behind an address.
SCOPES: frozenset[Scope] = frozenset({"send", "read", "users"})


class Command(BaseCommand):
    help = "Accept one notification, or one for each row of a CSV file, as the API does."

    def add_arguments(self, parser: CommandParser) -> None:
        add_order_arguments(parser)
        add_csv_arguments(parser)
        parser.add_argument(
            "--organization", metavar="SLUG", default=settings.DEFAULT_ORGANIZATION_SLUG
        )
        parser.add_argument(
            "--wait",
            type=float,
            metavar="SECONDS",
            help="follow it until it is final; exit code 1 unless it was sent or skipped",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        bind_correlation_id(None)
        with one_line_errors():
            organization = get_organization(slug=options["organization"])
            sender = Principal(organization_id=organization.pk, scopes=SCOPES)
            if options["csv"]:
                send_csv(options, sender=sender, out=self.stdout)
                return
            _refuse_options_of_files(options)
            order = build_order(options, sender=sender)
            accepted = accept_notification(order=order, principal=sender)
            if options["wait"] is None:
                self._show_accepted(accepted, as_object=options["json"])
            else:
                self._follow(accepted, options)

    def _show_accepted(self, accepted: Accepted, *, as_object: bool) -> None:
        if as_object:
            self.stdout.write(as_json(describe_accepted(accepted)))
            return
        reason = f" ({accepted.reason})" if accepted.reason else ""
        again = ", accepted earlier with this request id" if accepted.replayed else ""
        self.stdout.write(f"{accepted.notification_id} is {accepted.status}{reason}{again}")
        number = str(accepted.notification_id)
        self.stdout.write(f"Follow it: {manage_command('dead_letters', 'inspect', number)}")

    def _follow(self, accepted: Accepted, options: dict[str, Any]) -> None:
        status, is_final = follow_until_final(accepted.notification_id, seconds=options["wait"])
        timeline = read_timeline(accepted.notification_id)
        if options["json"]:
            answer = {**describe_accepted(accepted), "status": status, "timeline": timeline}
            self.stdout.write(as_json(answer))
        else:
            self.stdout.write(f"{accepted.notification_id} is {status}")
            write_timeline(self.stdout, timeline)
        if not is_final:
            raise CommandError(
                f"still {status} after {options['wait']:g} s; see: {manage_command('doctor')}"
            )
        if status in NOT_SENT:
            raise CommandError(f"it was not sent: {status}")


def _refuse_options_of_files(options: dict[str, Any]) -> None:
    for name in ("channel", "batch_name", "rejected", "dry_run"):
        if options[name]:
            raise CommandError(f"--{name.replace('_', '-')} goes with --csv")


def describe_accepted(accepted: Accepted) -> dict[str, Any]:
    """Return what the API's 202 says."""
    return {
        "notification_id": accepted.notification_id,
        "request_id": accepted.request_id,
        "notification_type": accepted.notification_type,
        "status": accepted.status,
        "reason": accepted.reason,
        "created_at": accepted.created_at,
        "replayed": accepted.replayed,
    }
