"""The fast accept: one statement when nothing changed, and never what is no longer so."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from apps.notifications.models import Notification
from apps.notifications.services.suppressing import add_suppression
from apps.templates.models import Template, TemplateQuerySet
from apps.templates.services import NewVersion, add_version, delete_template, publish_version
from apps.users.models import ApiKey, Device, Session, User, index_email
from apps.users.services import revoke_api_key, rotate_api_key
from notifier.models import Organization
from tests.factories import make_api_key, make_device, make_organization, make_user, secret_of
from tests.integration.api.calling import Caller, person
from tests.integration.api.world import add_templates
from tests.integration.quick.elsewhere import count_statements, elsewhere

pytestmark = pytest.mark.django_db(transaction=True)
ADA = {"name": "Ada"}


class Scene:
    """A program and a person who send, and a user whom both write to."""

    def __init__(self) -> None:
        self.organization: Organization = make_organization()
        add_templates(self.organization)
        self.key: ApiKey = make_api_key(organization=self.organization, scopes=("send", "read"))
        self.sender: User = make_user(organization=self.organization, role="sender")
        self.user: User = make_user(organization=self.organization)
        self.device: Device = make_device(user=self.user)
        self.by_key = Caller({"X-API-Key": secret_of(self.key)})
        self.by_token = person(self.sender)

    def mail(self, **changes: Any) -> dict[str, Any]:
        body = {"user_id": str(self.user.pk), "template_code": "welcome", "variables": ADA}
        return body | changes

    def update(self, row: Organization | User | ApiKey, **columns: object) -> None:
        """Change columns as any code might: no service, no signal, no `updated_at`."""
        assert type(row).objects.filter(pk=row.pk).update(**columns) == 1

    def publish(self, text: str, *, language: str = "en") -> None:
        new = NewVersion(content={"subject": "Hi", "text": text}, language=language)
        owner, code = self.organization.pk, "welcome"
        number = add_version(organization_id=owner, code=code, version=new).number
        publish_version(organization_id=owner, code=code, number=number, now=timezone.now())

    def templates(self, code: str) -> TemplateQuerySet:
        return Template.objects.in_organization(self.organization.pk).filter(code=code)

    def suppress(self) -> None:
        add_suppression(
            organization_id=self.organization.pk,
            channel="email",
            address=self.user.email,
            cause="manual",
            source="test",
        )


@pytest.fixture(params=["by_key", "by_token"])
def caller(request: pytest.FixtureRequest, scene: Scene) -> Caller:
    found: Caller = getattr(scene, request.param)
    return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


def hits(kind: str) -> float:
    return REGISTRY.get_sample_value("notifier_cache_hits_total", {"kind": kind}) or 0


def warm(scene: Scene, caller: Caller) -> None:
    for path, code in (("email", "welcome"), ("push", "ping")):
        answer = caller.post(f"/notifications/{path}", scene.mail(template_code=code))
        assert (answer.status, answer.data["status"]) == (202, "pending")


@pytest.mark.parametrize(("path", "code"), [("email", "welcome"), ("push", "ping")])
def test_an_accept_is_one_statement(scene: Scene, caller: Caller, path: str, code: str) -> None:
    warm(scene, caller)
    before = hits("credential"), hits("user"), hits("template")
    with count_statements() as statements:
        body = scene.mail(template_code=code, request_id="order-1")
        answer = caller.post(f"/notifications/{path}", body)
    assert (answer.status, statements) == (202, ["Execute"])
    stored = Notification.objects.get(pk=answer.data["notification_id"])
    assert stored.recipient == (scene.user.email if path == "email" else "")
    assert [event.status for event in stored.events.all()] == ["pending"]
    assert (hits("credential"), hits("user"), hits("template")) == tuple(n + 1 for n in before)


def test_a_mail_to_an_address_with_its_own_content_is_one_statement(scene: Scene) -> None:
    body = {"to": {"email": "a@example.org"}, "content": {"subject": "Hi", "text": "there"}}
    assert scene.by_key.post("/notifications/email", body).status == 202
    with count_statements() as statements:
        assert scene.by_key.post("/notifications/email", body).status == 202
    assert statements == ["Execute"]


def test_a_status_that_is_cached_takes_one_statement(scene: Scene, caller: Caller) -> None:
    accepted = caller.post("/notifications/email", scene.mail())
    path = f"{accepted.headers['Location'].removeprefix('/api/v1')}/status"
    assert caller.get(path).status == 200
    with count_statements() as statements:
        assert caller.get(path).data["status"] == "pending"
    assert statements == ["Execute"]


# --- what changed elsewhere is seen by the very next accept ----------------------------------

Change = Callable[[Scene], object]

SKIPPING: dict[str, tuple[str, Change]] = {
    "email preference_off": ("email", lambda s: s.update(s.user, email_enabled=False)),
    "push preference_off": ("push", lambda s: s.update(s.user, push_enabled=False)),
    "email user_inactive": ("email", lambda s: s.update(s.user, is_active=False)),
    "push no_device": ("push", lambda s: s.device.delete()),
    "email suppressed": ("email", lambda s: s.suppress()),
}


def test_who_must_not_get_it_any_more_is_skipped_at_once() -> None:
    for name, (path, change) in SKIPPING.items():
        scene = Scene()
        warm(scene, scene.by_key)
        elsewhere(partial(change, scene))
        body = scene.mail(template_code="welcome" if path == "email" else "ping")
        answer = scene.by_key.post(f"/notifications/{path}", body)
        assert (answer.status, answer.data["status"]) == (202, "skipped"), name
        assert answer.data["reason"] == name.split()[1]
        assert Notification.objects.filter(user=scene.user, status="skipped").count() == 1


STORING: dict[str, tuple[Change, dict[str, object]]] = {
    "a new version": (lambda s: s.publish("new"), {"template_version__number": 3}),
    "a version in a better language": (
        lambda s: s.publish("neu", language="de"),
        {"template_version__number": 3, "language": "de"},
    ),
    "the template's guarantee": (
        lambda s: s.templates("welcome").update(delivery_guarantee="at_most_once"),
        {"delivery_guarantee": "at_most_once"},
    ),
}


def test_what_is_stored_is_as_it_is_now() -> None:
    for name, (change, expected) in STORING.items():
        scene = Scene()
        scene.update(scene.user, language="de")
        warm(scene, scene.by_key)
        elsewhere(partial(change, scene))
        answer = scene.by_key.post("/notifications/email", scene.mail())
        assert answer.status == 202, name
        stored = Notification.objects.filter(pk=answer.data["notification_id"])
        assert stored.values(*expected).get() == expected, name


def test_mail_goes_to_the_address_of_now(scene: Scene) -> None:
    warm(scene, scene.by_key)
    new = {"email": "Ada.New@example.org", "email_key": index_email("ada.new@example.org")}
    elsewhere(lambda: scene.update(scene.user, **new))
    answer = scene.by_key.post("/notifications/email", scene.mail())
    stored = Notification.objects.get(pk=answer.data["notification_id"])
    assert (stored.recipient, stored.recipient_index) == tuple(new.values())


REFUSING: dict[str, tuple[str, int, Change]] = {
    "a revoked key": (
        "by_key",
        401,
        lambda s: revoke_api_key(
            organization_id=s.organization.pk, key_id=s.key.pk, now=timezone.now()
        ),
    ),
    "a key without the scope": ("by_key", 403, lambda s: s.update(s.key, scopes=["read"])),
    "an expired key": ("by_key", 401, lambda s: s.update(s.key, expires_at=timezone.now())),
    "a key replaced without grace": (
        "by_key",
        401,
        lambda s: rotate_api_key(
            organization_id=s.organization.pk,
            key_id=s.key.pk,
            grace=timedelta(0),
            now=timezone.now(),
        ),
    ),
    "a closed organization": (
        "by_key",
        401,
        lambda s: s.update(s.organization, is_active=False),
    ),
    "a person who signed out": (
        "by_token",
        401,
        lambda s: Session.objects.filter(user=s.sender).update(revoked_at=timezone.now()),
    ),
    "a deactivated person": ("by_token", 401, lambda s: s.update(s.sender, is_active=False)),
    "a person with fewer rights": ("by_token", 404, lambda s: s.update(s.sender, role="member")),
    "an erased recipient": (
        "by_key",
        404,
        lambda s: s.update(s.user, erased_at=timezone.now()),
    ),
    "a deleted template": (
        "by_token",
        404,
        lambda s: delete_template(
            organization_id=s.organization.pk, code="welcome", now=timezone.now()
        ),
    ),
}


def test_what_is_refused_now_is_refused_at_once() -> None:
    for name, (who, status, change) in REFUSING.items():
        scene = Scene()
        caller: Caller = getattr(scene, who)
        warm(scene, caller)
        before = Notification.objects.count()
        elsewhere(partial(change, scene))
        assert caller.post("/notifications/email", scene.mail()).status == status, name
        assert Notification.objects.count() == before, name


def test_a_credential_that_ended_reads_no_status(scene: Scene, caller: Caller) -> None:
    accepted = caller.post("/notifications/email", scene.mail())
    path = f"{accepted.headers['Location'].removeprefix('/api/v1')}/status"
    assert caller.get(path).status == 200
    elsewhere(lambda: scene.update(scene.organization, is_active=False))
    assert caller.get(path).status == 401


def test_a_replay_is_answered_and_makes_nothing_forgotten(scene: Scene) -> None:
    warm(scene, scene.by_key)
    body = scene.mail(request_id="order-1")
    first, again = (scene.by_key.post("/notifications/email", body) for _ in range(2))
    assert (first.status, again.status, again.data) == (202, 200, first.data)
    with count_statements() as statements:
        assert scene.by_key.post("/notifications/email", scene.mail()).status == 202
    assert statements == ["Execute"]
