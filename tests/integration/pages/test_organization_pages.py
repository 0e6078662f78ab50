"""Staff of one organization, in the admin: nothing of another is listed, opened or changed."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission

from apps.delivery.models import CapturedMessage
from apps.notifications.models import Notification, Suppression
from apps.notifications.models.suppression import index_address
from apps.templates.models import Template
from apps.users.models import ApiKey, User
from notifier.audit import record_change
from tests.factories import make_api_key, make_device, make_organization, make_user
from tests.integration.pages.ledger import accept_mail, settle_mail
from tests.integration.pages.staff import sign_in_staff

pytestmark = pytest.mark.django_db
MODELS = {
    "notifications/notification": "view_notification",
    "notifications/deadletter": "view_deadletter",
    "notifications/suppression": "view_suppression",
    "users/user": "view_user",
    "users/device": "view_device",
    "users/apikey": "view_apikey",
    "notifier/organization": "view_organization",
    "notifier/auditentry": "view_auditentry",
    "delivery/capturedmessage": "view_capturedmessage",
}


def furnish(name: str) -> dict[str, Any]:
    """Return one row of each model of an organization, with something to recognise it by."""
    organization = make_organization(slug=name, name=f"{name} Inc")
    user = make_user(organization=organization, email=f"user@{name}.example")
    Template.objects.create(organization=organization, code=name, channel="email", name=name)
    failed = settle_mail(
        accept_mail(organization, email=f"reader@{name}.example"), status="failed"
    )
    key = make_api_key(organization=organization, name=f"key of {name}")
    suppression = Suppression.objects.create(
        organization=organization,
        channel="email",
        address=f"blocked@{name}.example",
        address_index=index_address(f"blocked@{name}.example"),
        cause="complaint",
        source="admin",
    )
    record_change(action=f"{name}.changed", object_type="x", organization_id=organization.pk)
    captured = CapturedMessage.objects.create(
        notification_id=failed.pk, channel="email", recipient=f"c@{name}.example", message={}
    )
    return {
        "organization": organization,
        "notifications/notification": failed,
        "notifications/deadletter": failed,
        "notifications/suppression": suppression,
        "users/user": user,
        "users/device": make_device(user=user),
        "users/apikey": key,
        "notifier/organization": organization,
        "delivery/capturedmessage": captured,
    }


def test_lists_and_pages_keep_to_ones_own_organization() -> None:
    mine, other = furnish("mine"), furnish("rival")
    browser = sign_in_staff(mine["organization"], *MODELS.values())
    for path in MODELS:
        listed = browser.get(f"/admin/{path}/").content.decode()
        assert "rival" not in listed, path
        if path in mine:
            address = "/admin/{}/{}/change/"
            assert browser.get(address.format(path, mine[path].pk)).status_code == 200, path
            # Django sends whoever asks for a row that is not there to the first page.
            found = browser.get(address.format(path, other[path].pk))
            assert (found.status_code, found["Location"]) == (302, "/admin/"), path
    listed = browser.get("/admin/users/user/?q=user@rival.example").content.decode()
    assert "No results found" in listed


def test_actions_and_forms_reach_no_other_organization() -> None:
    mine, other = furnish("mine"), furnish("rival")
    rights = ("view_notification", "change_notification", "view_deadletter", "view_apikey")
    browser = sign_in_staff(mine["organization"], *rights, "add_apikey", "change_apikey")
    theirs = other["notifications/notification"]
    chosen = {"_selected_action": [str(theirs.pk)], "confirmed": "1", "select_across": "1"}
    for path, action in (("notification", "replay_selected"), ("deadletter", "replay_letters")):
        browser.post(f"/admin/notifications/{path}/", {"action": action, **chosen})
    theirs.refresh_from_db()
    assert theirs.status == "failed"
    own = Notification.objects.get(pk=mine["notifications/notification"].pk)
    assert own.status == "pending"  # select_across means all that one sees
    key = other["users/apikey"]
    browser.post("/admin/users/apikey/", {"action": "revoke_keys", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is None
    form = {"organization": str(other["organization"].pk), "name": "n", "scopes": ["admin"]}
    form |= {"mode": "live", "expires_at_0": "", "expires_at_1": ""}
    refused = browser.post("/admin/users/apikey/add/", form).content.decode()
    assert "Select a valid choice" in refused
    assert ApiKey.objects.filter(organization=other["organization"]).count() == 1
    assert User.objects.filter(organization=other["organization"]).count() == 1


def test_no_list_and_no_form_names_another_organization_whatever_one_may() -> None:
    mine, _ = furnish("mine"), furnish("rival")
    every = Permission.objects.values_list("codename", flat=True)
    browser = sign_in_staff(mine["organization"], *every)
    opened = []
    for pages in admin.site._registry.values():  # noqa: SLF001  # Django has no other list
        path = f"/admin/{pages.opts.label_lower.replace('.', '/')}/"
        for address in (path, f"{path}add/"):
            answer = browser.get(address)
            assert "rival" not in answer.content.decode(), address
            opened += [address] if answer.status_code == 200 else []
    assert len(opened) > len(MODELS) + 2
    assert "/admin/notifications/suppression/add/" in opened
    assert "/admin/delivery/deadmessage/" not in opened  # nobody can tell whose they are


def test_the_suppression_list_of_another_organization_is_neither_written_nor_read() -> None:
    mine, other = furnish("mine"), furnish("rival")
    browser = sign_in_staff(mine["organization"], "add_suppression", "view_suppression")
    page = "/admin/notifications/suppression/add/"
    form = {"channel": "email", "cause": "complaint", "note": ""}
    for address in ("new@rival.example", "blocked@rival.example"):
        foreign = {**form, "organization": other["organization"].pk, "address": address}
        refused = browser.post(page, foreign).content.decode()
        assert "Select a valid choice" in refused
        assert "is on the list" not in refused
    own = {**form, "organization": mine["organization"].pk, "address": "New@mine.example"}
    assert browser.post(page, own).status_code == 302
    assert "is on the list" in browser.post(page, own).content.decode()
    counts = [
        Suppression.objects.filter(organization=each["organization"]).count()
        for each in (mine, other)
    ]
    assert counts == [2, 1]


def test_a_key_gets_no_scope_that_its_makers_role_has_not() -> None:
    organization = make_organization()
    browser = sign_in_staff(organization, "add_apikey", "view_apikey")
    form = {"organization": organization.pk, "name": "n", "mode": "live"}
    made = []
    for role, scope in (("member", "read"), ("sender", "admin"), ("sender", "send")):
        User.objects.update(role=role)
        browser.post("/admin/users/apikey/add/", {**form, "scopes": [scope]})
        made = [key.scopes for key in ApiKey.objects.all()]
        assert made == ([["send"]] if (role, scope) == ("sender", "send") else []), scope
    User.objects.update(role="admin")
    browser.post("/admin/users/apikey/add/", {**form, "scopes": ["status"]})
    assert ApiKey.objects.count() == 2


def test_an_action_on_what_is_no_id_is_refused() -> None:
    browser = sign_in_staff(make_organization(), "view_apikey", "change_apikey")
    form = {"action": "revoke_keys", "_selected_action": ["no-id"]}
    told = browser.post("/admin/users/apikey/", form, follow=True).content.decode()
    assert "is not a valid UUID" in told
