"""`manage.py cancel`: take back what is not on its way yet."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.notifications.models import Notification
from apps.notifications.services.intervening import cancel_notification
from notifier.errors import Conflict
from notifier.management.command_line import one_line_errors


class Command(BaseCommand):
    help = "Cancel notifications that are still pending: scheduled, or waiting to be sent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="+", type=UUID, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Cancel what can be; say of the others why not, and exit with 1 if there were any."""
        with one_line_errors():
            refused = [self._refuse(each) for each in options["ids"]]
        told = [reason for reason in refused if reason]
        if told:
            raise CommandError("\n".join(told))

    def _refuse(self, notification_id: UUID) -> str:
        """Cancel one; return why it could not be cancelled, "" if it was."""
        notification = Notification.objects.filter(pk=notification_id).without_private().first()
        if notification is None:
            return f"{notification_id}: no such notification"
        try:
            cancel_notification(notification=notification)
        except Conflict:
            status = notification.status
            return f"{notification_id} is {status}: only what is pending can be cancelled"
        self.stdout.write(f"{notification_id} is cancelled")
        return ""
