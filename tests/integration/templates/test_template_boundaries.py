"""What people without the right to it neither see, publish nor send, and what costs too much."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.notifications.models import Notification
from apps.templates.models import TemplateVersion
from apps.users.models import User
from notifier.models import Organization
from tests.factories import make_user
from tests.integration.api.calling import key_of
from tests.integration.templates.conftest import make_template

ADD = "admin:templates_template_add"
PREVIEW = "admin:templates_templateversion_preview"
TRY = "admin:templates_templateversion_try"
HOSTED = {"provider_template": {"sendgrid": "d-1"}}
WRITTEN = {
    "code": "new",
    "channel": "email",
    "name": "New",
    "kind": "transactional",
    "delivery_guarantee": "at_least_once",
    "language": "en",
    "subject": "Hi",
    "text": "Hello",
}


@pytest.fixture
def staff(organization: Organization) -> User:
    return make_user(organization=organization, is_staff=True, email="staff@example.org")


def sign_in(user: User, *permissions: str) -> Client:
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def compare(client: Client, version: TemplateVersion) -> Any:
    return client.get(reverse("admin:templates_templateversion_compare", args=[version.pk]))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"subject": "Hi", **HOSTED}, "provider_template"),
        ({"subject": "Hi", "text": "Hi", **HOSTED}, "provider_template"),
        ({"subject": "Hi", "markdown": "# Hi"}, "markdown"),
        ({"subject": "Hi", "mjml": "<mjml></mjml>"}, "mjml"),
    ],
)
def test_content_of_a_notification_names_no_template_and_has_nothing_to_translate(
    organization: Organization, content: dict[str, Any], part: str
) -> None:
    body = {"notification_type": "email", "to": {"email": "a@example.org"}, "content": content}
    answer = key_of(organization, "send").post("/notifications", body)
    assert answer.status == 400
    assert [error["field"] for error in answer.data["errors"]] == [f"content.{part}"]
    assert not Notification.objects.exists()


def test_an_author_tries_out_what_only_a_template_may_have(staff: User) -> None:
    client = sign_in(staff, "add_templateversion")
    form: dict[str, str] = {**WRITTEN, "text": "", "format": "markdown", "markdown": "# Hi"}
    for changes in ({}, {"markdown": "", "subject": "", "sendgrid_template": "d-1"}):
        answer: Any = client.post(reverse(TRY), {**form, **changes})
        assert answer.status_code == 202, answer.content
    first, second = Notification.objects.order_by("id")
    assert first.content == {"subject": "Hi", "markdown": "# Hi"}
    assert second.content == HOSTED


def test_versions_are_compared_for_those_who_may_see_them_alone(
    staff: User, organization: Organization
) -> None:
    version = make_template(organization).versions.get()
    assert compare(sign_in(staff), version).status_code == 403
    assert compare(sign_in(staff, "add_templateversion"), version).status_code == 403
    assert compare(sign_in(staff, "view_templateversion"), version).status_code == 200


def test_versions_of_many_equal_lines_are_compared_quickly_and_shown_whole(
    staff: User, organization: Organization
) -> None:
    old, new = "a\nb\n" * 749, "b\nb\na\n" * 499
    template = make_template(organization, content={"subject": "S", "text": old})
    second = TemplateVersion.objects.create(
        template=template, number=2, language="en", content={"subject": "S", "text": new}
    )
    began = time.process_time()
    page = compare(sign_in(staff, "view_templateversion"), second).content.decode()
    assert time.process_time() - began < 2
    assert page.count('class="tpl-removed"') >= 1400
    assert page.count('class="tpl-added"') >= 1400


def test_the_list_of_templates_names_no_other_organization(
    staff: User, organization: Organization, other_organization: Organization
) -> None:
    make_template(organization)
    make_template(other_organization, "foreign")
    address = reverse("admin:templates_template_changelist")
    shown = sign_in(staff, "view_template").get(address).content.decode()
    assert "welcome" in shown
    assert "foreign" not in shown
    assert other_organization.name not in shown
    User.objects.update(is_superuser=True)
    assert other_organization.name in sign_in(staff).get(address).content.decode()


def test_who_may_only_add_templates_previews_them_and_publishes_none(
    staff: User, organization: Organization
) -> None:
    client = sign_in(staff, "add_template", "view_template")
    form = {**WRITTEN, "organization": str(organization.pk)}
    assert "Save and publish" not in client.get(reverse(ADD)).content.decode()
    assert client.post(reverse(PREVIEW), form).json()["message"]["subject"] == "Hi"
    assert client.post(reverse(ADD), form).status_code == 302
    version = TemplateVersion.objects.get()
    assert not version.is_published
    stored = reverse("admin:templates_templateversion_try_stored", args=[version.pk])
    assert client.post(stored).status_code == 403
    publisher = sign_in(staff, "add_template", "view_template", "change_templateversion")
    assert "Save and publish" in publisher.get(reverse(ADD)).content.decode()
    assert publisher.post(reverse(ADD), {**form, "code": "live"}).status_code == 302
    assert TemplateVersion.objects.get(template__code="live").is_published


@pytest.mark.parametrize("field", ["sample_variables", "push_data"])
@pytest.mark.parametrize(
    "text", ["[" * 5_000, '{"a":' * 900 + "1" + "}" * 900, "1" * 5_000, '{"\\ud800": "\\udc00"}']
)
def test_json_that_no_message_can_carry_is_said_beside_its_field(
    staff: User, field: str, text: str
) -> None:
    push = {"channel": "push", "language": "en", "title": "T", "body": "B", field: text}
    answer = sign_in(staff, "add_templateversion").post(reverse(PREVIEW), push)
    assert answer.status_code == 200
    assert [each["field"] for each in answer.json()["errors"]] == [field]
