"""`manage.py changepassword`: Django's own, for addresses that are sealed."""

from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from apps.users.models import User
from apps.users.services import revoke_sessions
from apps.users.services.credentials import check_password_quality
from apps.users.services.trail import record_user_change
from notifier.errors import InvalidRequest


class Command(BaseCommand):
    help = "Set a user's password, and end all of its sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="EMAIL", help="the user's e-mail address")

    def handle(self, *args: Any, **options: Any) -> str:
        user = _find_user(options["username"])
        password = getpass(f"New password for {user.email}: ")
        if password != getpass("The same again: "):
            raise CommandError("the two are not the same; nothing was changed")
        try:
            check_password_quality(password, user=user)
        except InvalidRequest as error:
            raise CommandError(error.errors[0].message) from error
        _set_password(user, password)
        return "The password is changed, and all sessions have ended."


def _find_user(address: str) -> User:
    try:
        return User.objects.get_by_natural_key(address)
    except User.DoesNotExist as error:
        raise CommandError("no user has this e-mail address") from error


def _set_password(user: User, password: str) -> None:
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        revoke_sessions(user_id=user.pk, now=timezone.now())
        record_user_change(
            user_id=user.pk,
            organization_id=user.organization_id,
            verb="changed",
            changes={"password": {}},
        )
