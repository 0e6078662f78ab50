"""`seed USERS`: people with preferences, the template, and a token on standard output."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from rest_framework_simplejwt.tokens import AccessToken

from bench import content
from bench.baselines.naive.models import MailTemplate, Preference

# The default, five minutes, is shorter than the benchmarks.
TOKEN_LIFETIME = timedelta(days=1)


class Command(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("users", type=int)

    def handle(self, *_args: Any, **options: Any) -> None:
        parts = {"subject": content.SUBJECT, "text": content.TEXT, "html": content.HTML}
        MailTemplate.objects.create(code=content.TEMPLATE_CODE, **parts)
        names = [f"u{number}" for number in range(options["users"])]
        users = User.objects.bulk_create(
            User(username=name, email=f"{name}@example.org", password="-")  # noqa: S106  # unusable
            for name in names
        )
        Preference.objects.bulk_create(Preference(user=user) for user in users)
        self.stdout.write(_make_token(users[0]))


def _make_token(user: User) -> str:
    token = AccessToken.for_user(user)
    token.set_exp(from_time=token.current_time, lifetime=TOKEN_LIFETIME)
    return str(token)
