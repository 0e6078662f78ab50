"""The admin's pages, as a signed-in operator uses them."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.users.models import ApiKey, User, index_email
from tests.factories import PASSWORD, make_api_key, make_device, make_user, secret_of
from tests.integration.users.conftest import Caller, bearer

pytestmark = pytest.mark.django_db
USERS = "/admin/users/user/"
KEYS = "/admin/users/apikey/"


@pytest.fixture
def operator() -> Client:
    """A browser in which an operator has signed in through the form."""
    user = User.objects.create_superuser(email="operator@example.org", password=PASSWORD)
    client = Client()
    form = {"username": "OPERATOR@example.org", "password": PASSWORD}
    response = client.post("/admin/login/?next=/admin/", form)
    assert response.status_code == 302, user.email
    return client


def test_every_page_opens(operator: Client) -> None:
    device, key = make_device(), make_api_key()
    pages = [
        "/admin/",
        "/admin/notifier/organization/",
        f"/admin/notifier/organization/{device.organization.pk}/change/",
        "/admin/auth/group/",
        USERS,
        f"{USERS}?q=ada",
        f"{USERS}add/",
        f"{USERS}{device.user.pk}/change/",
        f"{USERS}{device.user.pk}/password/",
        "/admin/users/device/",
        f"/admin/users/device/{device.pk}/change/",
        KEYS,
        f"{KEYS}add/",
        f"{KEYS}{key.pk}/change/",
    ]
    for page in pages:
        response = operator.get(page)
        assert response.status_code == 200, page
        content = response.content.decode()
        for secret in (device.token, key.digest, secret_of(key), device.user.password):
            assert secret not in content, page


def test_members_do_not_enter() -> None:
    user = make_user(role="admin")
    client = Client()
    client.post("/admin/login/", {"username": user.email, "password": PASSWORD})
    assert client.get(USERS).status_code == 302


def test_a_user_is_added_with_a_normalised_unique_address(operator: Client) -> None:
    organization = make_user(email="ada@example.org").organization
    form = {
        "organization": str(organization.pk),
        "email": "Grace@EXAMPLE.org",
        "name": "Grace",
        "role": "sender",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    assert operator.post(f"{USERS}add/", form).status_code == 302
    user = User.objects.get_by_natural_key("GRACE@example.org")
    assert (user.email, user.email_key) == ("Grace@example.org", index_email("Grace@example.org"))
    again = operator.post(f"{USERS}add/", form | {"email": "ADA@example.org"})
    assert "a user with this address exists" in again.content.decode()
    wrong = operator.post(f"{USERS}add/", form | {"email": "a@x.org, b@y.org"})
    assert "not one e-mail address" in wrong.content.decode()


def _change_form(user: User) -> dict[str, str]:
    return {
        "organization": str(user.organization_id),
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "is_active": "on",
        "language": user.language,
        "timezone": user.timezone,
        "devices-TOTAL_FORMS": "0",
        "devices-INITIAL_FORMS": "0",
    }


def test_deactivating_and_a_new_password_end_all_sessions(operator: Client, sign_in: Any) -> None:
    user = make_user()
    caller = bearer(sign_in(user)["access_token"])
    passwords = {"password1": "another long password", "password2": "another long password"}
    url = f"{USERS}{user.pk}/password/"
    response = operator.post(url, passwords | {"usable_password": "true"})
    assert response.status_code == 302
    assert caller.get("/users/me")[0] == 401
    user = make_user()
    caller = bearer(sign_in(user)["access_token"])
    form = _change_form(user)
    del form["is_active"]
    assert operator.post(f"{USERS}{user.pk}/change/", form).status_code == 302
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert caller.get("/users/me")[0] == 401


def test_users_are_not_deleted(operator: Client) -> None:
    user = make_user()
    assert operator.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_is_made_its_secret_shown_once_and_revoked(operator: Client) -> None:
    organization = make_user().organization
    form = {
        "organization": str(organization.pk),
        "name": "Shop",
        "scopes": ["users", "read"],
        "mode": "live",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    response = operator.post(f"{KEYS}add/", form, follow=True)
    found = re.search(r"ntf_live_[A-Za-z0-9_-]{43}", response.content.decode())
    assert found, response.content.decode()
    key, caller = ApiKey.objects.get(), Caller({"X-API-Key": found[0]})
    assert key.scopes == ["read", "users"]
    assert found[0] not in operator.get(KEYS).content.decode()
    assert caller.get("/users")[0] == 200
    action = {"action": "revoke_keys", "_selected_action": [str(key.pk)]}
    assert operator.post(KEYS, action).status_code == 302
    assert caller.get("/users")[0] == 401
