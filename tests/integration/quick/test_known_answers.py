"""Users and templates that are read again and again: one statement, and never what was once so."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.templates.models import Template
from apps.templates.services import NewVersion, add_version, delete_template, publish_version
from apps.users.models import User
from apps.users.services import erase_user, revoke_api_key
from notifier.authentication import Principal
from tests.factories import make_api_key, make_organization, make_user, secret_of
from tests.integration.api.calling import Answer, Caller, person
from tests.integration.api.world import add_templates
from tests.integration.quick.elsewhere import count_statements, elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


class Scene:
    """A program that may read users and templates, one of each, and people who may not."""

    def __init__(self) -> None:
        self.organization = make_organization()
        add_templates(self.organization)
        scopes = ("users", "templates", "admin")
        self.key = make_api_key(organization=self.organization, scopes=scopes)
        self.user = make_user(organization=self.organization)
        self.caller = Caller({"X-API-Key": secret_of(self.key)})
        self.paths = {"user": f"/users/{self.user.pk}", "template": "/templates/welcome"}

    def read(self, what: str) -> Answer:
        return self.caller.get(self.paths[what])

    def update(self, model: type[User] | type[Template], **columns: object) -> None:
        """Change columns as any code might: no service, no `updated_at`."""
        assert model.objects.filter(organization=self.organization).update(**columns)

    def add_version(self, *, publish: bool, language: str = "en") -> None:
        new = NewVersion(content={"subject": "New", "text": "new"}, language=language)
        named: dict[str, Any] = {"organization_id": self.organization.pk, "code": "welcome"}
        number = add_version(version=new, **named).number
        if publish:
            publish_version(number=number, now=timezone.now(), **named)

    def erase(self) -> None:
        admin = Principal(
            organization_id=self.organization.pk, scopes=frozenset({"users", "admin"})
        )
        erase_user(caller=admin, user_id=self.user.pk, now=timezone.now())

    def delete(self) -> None:
        organization_id = self.organization.pk
        delete_template(organization_id=organization_id, code="welcome", now=timezone.now())


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("what", ["user", "template"])
def test_what_was_read_before_takes_one_statement_and_says_the_same(
    scene: Scene, what: str
) -> None:
    first, second = scene.read(what), scene.read(what)
    with count_statements() as statements:
        third = scene.read(what)
    assert statements == ["Execute"]
    assert first.status == 200
    assert first.body == second.body == third.body


Change = Callable[[Scene], object]
SEEN: dict[str, tuple[str, Change, Callable[[Any], object]]] = {
    "preference": (
        "user",
        lambda s: s.update(User, email_enabled=False),
        lambda data: data["preferences"]["email"] is False,
    ),
    "name": (
        "user",
        lambda s: s.update(User, name="Somebody Else"),
        lambda data: data["name"] == "Somebody Else",
    ),
    "kind": (
        "template",
        lambda s: s.update(Template, kind="marketing"),
        lambda data: data["kind"] == "marketing",
    ),
    "draft": (
        "template",
        lambda s: s.add_version(publish=False, language="sv"),
        lambda data: data["versions"][-1]["language"] == "sv" and data["content"]["text"] != "new",
    ),
    "publishing": (
        "template",
        lambda s: s.add_version(publish=True),
        lambda data: data["versions"][-1]["published"] and data["content"]["text"] == "new",
    ),
    "default language": (
        "template",
        lambda s: s.update(Template, default_language="fi"),
        lambda data: data["default_language"] == "fi" and data["content"] is None,
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_change_made_elsewhere_is_in_the_very_next_answer(scene: Scene, name: str) -> None:
    what, change, is_seen = SEEN[name]
    before = [scene.read(what) for _ in range(2)][-1]
    assert not is_seen(before.data)
    elsewhere(lambda: change(scene))
    for _ in range(3):
        assert is_seen(scene.read(what).data)


GONE: dict[str, tuple[str, Change, int]] = {
    "erased user": ("user", Scene.erase, 404),
    "deleted template": ("template", Scene.delete, 404),
    "revoked key, user": ("user", lambda s: revoke_key(s), 401),
    "revoked key, template": ("template", lambda s: revoke_key(s), 401),
}


@pytest.mark.parametrize("name", GONE)
def test_what_is_gone_elsewhere_is_gone_in_the_very_next_answer(scene: Scene, name: str) -> None:
    what, change, status = GONE[name]
    assert [scene.read(what).status for _ in range(2)] == [200, 200]
    elsewhere(lambda: change(scene))
    assert [scene.read(what).status for _ in range(2)] == [status, status]


def test_what_one_caller_may_see_is_shown_to_no_other(scene: Scene) -> None:
    for what in scene.paths:
        assert scene.read(what).status == 200
    stranger = make_api_key(organization=make_organization(), scopes=("users", "templates"))
    foreign = Caller({"X-API-Key": secret_of(stranger)})
    assert [foreign.get(path).status for path in scene.paths.values()] == [404, 404]
    member = person(make_user(organization=scene.organization))
    for _ in range(2):
        assert [member.get(path).status for path in scene.paths.values()] == [404, 403]
    assert Caller().get(scene.paths["user"]).status == 401


def revoke_key(scene: Scene) -> None:
    revoke_api_key(organization_id=scene.organization.pk, key_id=scene.key.pk, now=timezone.now())
