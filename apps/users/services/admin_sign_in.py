"""How operators prove who they are to the admin: with the same check as everybody else."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from apps.users.models import User
from apps.users.services.credentials import check_credentials
from notifier.errors import Unauthenticated


class RecordingBackend(ModelBackend):
    """Django's permissions; refusals stand in the audit log, and inactive organizations count."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user with this address and password, or None after the same work."""
        if username is None or password is None:
            return None  # credentials of another kind, for another backend
        try:
            return check_credentials(email=username, password=password)
        except Unauthenticated:
            return None
