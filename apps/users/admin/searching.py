"""Whom a search in the admin means."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpRequest

from apps.users.models import User
from notifier.errors import InvalidRequest

ADDRESS_OR_ID = "Exactly: a user's e-mail address or id"


def find_people(term: str) -> models.QuerySet[User]:
    """Return whom a search means: addresses are sealed, and found by their index alone."""
    text = term.strip()
    if not text:
        return User.objects.get_queryset()
    with suppress(ValueError):
        return User.objects.get_queryset().filter(pk=UUID(text))
    with suppress(InvalidRequest):
        return User.objects.get_queryset().with_email(text)
    return User.objects.none()


def is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(getattr(user, "is_superuser", False))
