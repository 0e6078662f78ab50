"""Erasure: personal data, devices and sessions go, the row stays for the ledger."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType

from apps.users.models import Session, User
from apps.users.services import get_user
from notifier.errors import NotFound
from tests.factories import PASSWORD, make_device, make_user
from tests.integration.users.conftest import Caller, bearer, requests_about

pytestmark = pytest.mark.django_db


def test_erasing_leaves_a_nameless_row_and_nothing_else(
    as_user: Any, sign_in: Any, anyone: Caller
) -> None:
    device = make_device()
    user = device.user
    tokens = sign_in(user)
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr=user.email,
        action_flag=CHANGE,
    )
    caller = bearer(tokens["access_token"])
    status, answer = caller.delete(f"/users/{user.pk}")
    assert (status, answer["data"]) == (200, None)
    row = User.objects.get(pk=user.pk)
    assert (row.name, row.email) == ("Erased user", f"erased-{user.pk}@erased.invalid")
    assert not row.is_active
    assert not row.has_usable_password()
    assert row.erased_at is not None
    assert not row.devices.exists()
    assert not Session.objects.filter(revoked_at__isnull=True).exists()
    assert LogEntry.objects.get().object_repr == "Erased user"
    assert caller.get("/users/me")[0] == 401
    assert anyone.post("/auth/login", {"email": user.email, "password": PASSWORD})[0] == 401
    # The address is free again.
    new = {"name": "Ada", "email": user.email, "password": PASSWORD}
    assert anyone.post("/auth/register", new)[0] == 201


def test_an_erased_user_is_found_by_nobody(as_user: Any) -> None:
    admin = make_user(role="admin")
    user = make_user(organization=admin.organization)
    caller = as_user(admin)
    assert caller.delete(f"/users/{user.pk}")[0] == 200
    for method, path, body in requests_about(user.pk, uuid4(), user.email):
        assert caller.call(method, path, body)[0] == 404, (method, path)
    assert caller.get("/users")[1]["meta"]["total"] == 1
    with pytest.raises(NotFound):
        get_user(organization_id=admin.organization_id, user_id=user.pk)
