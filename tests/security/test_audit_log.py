"""The audit log: every change of weight leaves one entry, which nobody can alter."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from apps.delivery.services.purging import purge_leftovers
from apps.users.models import User
from apps.users.services import NewAccount, create_organization
from notifier.audit import record_change
from notifier.errors import Conflict
from notifier.models import AuditEntry
from tests.factories import PASSWORD, make_organization, make_user
from tests.integration.users.conftest import Caller, bearer
from tests.security.signed_in import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fast_hasher")]
CANARY = "canary-of-the-log@example.org"


def _entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action))


@pytest.fixture
def admin() -> User:
    return make_user(role="admin")


@pytest.fixture
def boss(admin: User) -> Caller:
    token = sign_in(admin)["access_token"]
    return Caller({"Authorization": f"Bearer {token}", "X-Correlation-ID": "audit-test"})


def test_an_entry_says_who_what_when_and_from_where(admin: User, boss: Caller) -> None:
    user = make_user(organization=admin.organization)
    assert boss.patch(f"/users/{user.pk}", {"role": "sender", "name": "Eve"})[0] == 200
    (entry,) = _entries("user.changed")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(admin.pk))
    assert (entry.object_type, entry.object_id) == ("user", str(user.pk))
    assert (entry.address, entry.correlation_id) == ("127.0.0.1", "audit-test")
    assert entry.organization_id == admin.organization_id
    assert entry.changes == {"role": {"old": "member", "new": "sender"}, "name": {}}
    assert timezone.now() - entry.at < timedelta(minutes=1)


def test_a_change_that_changes_nothing_leaves_no_entry(admin: User, boss: Caller) -> None:
    assert boss.patch(f"/users/{admin.pk}", {"name": admin.name, "role": "admin"})[0] == 200
    assert not _entries("user.changed")


def test_secrets_and_contact_data_stay_out(boss: Caller, admin: User) -> None:
    body = {"name": "Canary of names", "email": CANARY, "password": "a canary of passwords"}
    user = boss.post("/users", body | {"push_token": "canary-of-tokens"})[1]["data"]["id"]
    key = boss.post("/api-keys", {"name": "Shop", "scopes": ["send"]})[1]["data"]
    new = boss.post(f"/api-keys/{key['id']}/rotate")[1]["data"]["key"]
    member = bearer(sign_in(make_user(organization=admin.organization))["access_token"])
    me = member.get("/users/me")[1]["data"]["id"]
    change = {"current_password": PASSWORD, "password": "another canary of passwords"}
    assert member.patch(f"/users/{me}", change | {"email": f"new-{CANARY}"})[0] == 200
    Caller().post("/auth/login", {"email": CANARY, "password": "wrong canary"})
    boss.post("/suppressions", {"address": CANARY})
    boss.delete(f"/users/{user}")
    log = str(list(AuditEntry.objects.values())).lower()
    assert len(_entries("sign_in.refused")) == 1
    assert {"password", "email"} <= set(_entries("user.changed")[0].changes)
    for secret in ("canary", key["key"].lower(), new.lower(), PASSWORD, key["key"][13:].lower()):
        assert secret not in log, secret


def test_what_fails_leaves_no_entry(boss: Caller, admin: User) -> None:
    before = AuditEntry.objects.count()
    body = {"name": "Twin", "email": admin.email}
    assert boss.post("/users", body)[0] == 409
    taken = NewAccount(email=admin.email, name="Twin", password=PASSWORD)
    with pytest.raises(Conflict):
        create_organization(slug="twin", name="Twin", admin=taken)
    assert AuditEntry.objects.count() == before


@pytest.mark.django_db(transaction=True)
def test_an_entry_falls_with_its_transaction() -> None:
    with transaction.atomic():
        record_change(action="user.changed", object_type="user", object_id="x")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE notifier_auditentry SET actor_id = 'somebody else'",
        "DELETE FROM notifier_auditentry",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(statement: str) -> None:
    record_change(action="user.changed", object_type="user", object_id="x")
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.get().delete()
    assert AuditEntry.objects.get().actor_id == ""


def test_purging_deletes_what_is_older_than_it_is_kept() -> None:
    now = timezone.now()
    for days in (10, 729, 731):
        AuditEntry.objects.create(at=now - timedelta(days=days), action=f"days.{days}")
    assert purge_leftovers(now=now)["audit_entries"] == 1
    assert {entry.action for entry in AuditEntry.objects.all()} == {"days.10", "days.729"}


def test_wrong_passwords_are_recorded_with_the_reason_that_nobody_is_told(
    admin: User,
) -> None:
    make_user(email="closed@example.org", is_active=False)
    for email, password in (
        (admin.email, "wrong"),
        ("unknown@example.org", PASSWORD),
        ("closed@example.org", PASSWORD),
    ):
        body = {"email": email, "password": password}
        assert Caller().post("/auth/login", body)[0] == 401
    inactive, unknown, wrong = _entries("sign_in.refused")  # the newest first
    assert (wrong.object_id, wrong.organization_id) == (str(admin.pk), admin.organization_id)
    assert wrong.changes == {"reason": {"new": "wrong_password"}}
    assert (unknown.object_id, unknown.organization_id) == ("", None)
    assert inactive.changes == {"reason": {"new": "inactive"}}
    assert {entry.actor_kind for entry in (wrong, unknown, inactive)} == {"anonymous"}


def test_wrong_passwords_at_the_admin_are_recorded_too(admin: User) -> None:
    form = {"username": admin.email, "password": "wrong"}
    assert Client().post("/admin/login/", form).status_code == 200
    assert [entry.object_id for entry in _entries("sign_in.refused")] == [str(admin.pk)]


def test_a_session_is_recorded_from_sign_in_to_sign_out(admin: User, boss: Caller) -> None:
    assert boss.post("/auth/logout")[0] == 200
    (opened,), (closed,) = _entries("session.opened"), _entries("session.closed")
    assert opened.object_id == closed.object_id
    assert {opened.actor_id, closed.actor_id} == {str(admin.pk)}


def test_commands_are_recorded_under_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["manage.py", "create_organization", "--slug", "acme"])
    call_command("create_organization", "--slug", "acme", "--name", "Acme", verbosity=0)
    (entry,) = _entries("organization.created")
    assert (entry.actor_kind, entry.actor_id) == ("command", "create_organization")
    assert "@" in entry.address
    assert str(entry.organization_id) == entry.object_id


def test_admins_read_the_log_of_their_own_organization(boss: Caller, admin: User) -> None:
    record_change(
        action="user.changed", object_type="user", organization_id=make_organization().pk
    )
    status, answer = boss.get("/audit-log")
    assert status == 200
    assert [row["action"] for row in answer["data"]] == ["session.opened"]
    assert answer["data"][0]["actor_id"] == str(admin.pk)
    assert answer["meta"]["total"] == 1


def test_the_log_is_filtered_and_paged(boss: Caller, admin: User) -> None:
    for name in ("Eve", "Bob", "Joe"):
        boss.patch(f"/users/{admin.pk}", {"name": name})
    about = f"object_type=user&object_id={admin.pk}&actor_id={admin.pk}&actor_kind=user"
    page = boss.get(f"/audit-log?action=user.changed&{about}&correlation_id=audit-test&limit=2")[1]
    assert (len(page["data"]), page["meta"]["total"], page["meta"]["total_pages"]) == (2, 3, 2)
    assert boss.get("/audit-log?action=user.erased")[1]["data"] == []
    assert boss.get("/audit-log?created_before=2020-01-01T00:00:00Z")[1]["data"] == []
    later = boss.get("/audit-log?created_after=2020-01-01T00:00:00+02:00")[1]["data"]
    assert len(later) == 4


@pytest.mark.parametrize(
    "query", ["created_after=soon", "created_before=2020-01-01", "action=%00", "limit=0"]
)
def test_a_filter_that_cannot_be_is_refused(boss: Caller, query: str) -> None:
    assert boss.get(f"/audit-log?{query}")[0] == 400


def test_only_admins_read_the_log(admin: User) -> None:
    for role in ("member", "sender"):
        user = make_user(organization=admin.organization, role=role)
        caller = bearer(sign_in(user)["access_token"])
        assert caller.get("/audit-log")[0] == 403
    assert Caller().get("/audit-log")[0] == 401


def _add_everything(boss: Caller) -> None:
    content = {"title": "Hi", "body": "Look"}
    new = {"code": "ping", "channel": "push", "name": "Ping", "content": content}
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/templates", new),
        ("PATCH", "/templates/ping", {"name": "Pong"}),
        ("POST", "/templates/ping/versions", {"content": content}),
        ("POST", "/templates/ping/versions/2/publish", None),
        ("POST", "/templates/ping/versions/1/publish", None),
        ("DELETE", "/templates/ping", None),
        ("POST", "/suppressions", {"address": CANARY}),
        ("POST", "/suppressions", {"address": CANARY}),
    ]
    for method, path, body in calls:
        status, answer = boss.call(method, path, body)
        assert status in (200, 201), answer
    entry = boss.get("/suppressions")[1]["data"][0]["id"]
    assert boss.delete(f"/suppressions/{entry}")[0] == 200


def test_templates_and_suppressions_are_recorded(boss: Caller, admin: User) -> None:
    _add_everything(boss)
    rows = boss.get("/audit-log?limit=100")[1]["data"]
    assert [row["action"] for row in reversed(rows)] == [
        "session.opened",
        "template.created",
        "template.changed",
        "template.version_added",
        "template.published",
        "template.published",
        "template.deleted",
        "suppression.added",
        "suppression.removed",
    ]
    rollback = next(row for row in rows if row["action"] == "template.published")
    assert rollback["changes"]["number"] == {"old": 2, "new": 1}
    assert rollback["object_id"] == "ping"
    assert {row["actor_id"] for row in rows} == {str(admin.pk)}


def test_devices_are_recorded_without_their_token(admin: User, boss: Caller) -> None:
    ada, eve = (make_user(organization=admin.organization) for _ in range(2))
    body = {"token": "canary-of-tokens", "platform": "ios"}
    owners = (ada, ada, eve)  # at each start; then somebody else signs in there
    *_, device = [boss.post(f"/users/{owner.pk}/devices", body)[1]["data"] for owner in owners]
    assert boss.delete(f"/users/{eve.pk}/devices/{device['id']}")[0] == 200
    moved, new = _entries("device.registered")
    assert new.changes == {
        "user_id": {"old": None, "new": str(ada.pk)},
        "platform": {"old": None, "new": "ios"},
    }
    assert moved.changes == {"user_id": {"old": str(ada.pk), "new": str(eve.pk)}}
    (removed,) = _entries("device.removed")
    assert removed.changes == {"user_id": {"old": str(eve.pk)}, "platform": {"old": "ios"}}
    for entry in (new, moved, removed):
        assert (entry.actor_id, entry.object_id) == (str(admin.pk), device["id"])
        assert entry.organization_id == admin.organization_id
        assert "canary" not in str(entry.changes)
