"""The editor's questions while somebody writes, and the pages of versions around it."""

import re
import time
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.notifications.models import Notification
from apps.templates.models import Template, TemplateVersion
from apps.users.models import User
from notifier.models import Organization
from tests.factories import make_device, make_user
from tests.integration.templates.conftest import PUSH_CONTENT, make_template

PREVIEW = "admin:templates_templateversion_preview"
TRY = "admin:templates_templateversion_try"
ADD = "admin:templates_templateversion_add"
WRITTEN = {
    "language": "en",
    "subject": "Hi {{ name }}",
    "html": "<p>Hello {{ name }}</p><script>x()</script>",
    "sample_variables": '{"name": "Ada"}',
}


def sign_in(user: User, *permissions: str, **options: Any) -> Client:
    codenames = [f"{name}_templateversion" for name in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client(**options)
    client.force_login(user)
    return client


@pytest.fixture
def author(organization: Organization) -> User:
    return make_user(organization=organization, is_staff=True, email="author@example.org")


@pytest.fixture
def writing(author: User) -> Client:
    return sign_in(author, "add", "view")


def ask(client: Client, about: Template | None = None, **changes: str) -> Any:
    form = {**WRITTEN, "template": str(about.pk) if about else "", **changes}
    return client.post(reverse(PREVIEW), form)


def preview(client: Client, template: Template | None = None, **changes: str) -> dict[str, Any]:
    response = ask(client, template, **changes)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def page(client: Client, name: str, version: TemplateVersion, query: str = "") -> str:
    address = reverse(f"admin:templates_templateversion_{name}", args=[version.pk])
    response = client.get(address + query)
    assert response.status_code == 200
    return response.content.decode()


def test_a_mail_is_previewed_as_a_page_that_runs_and_loads_nothing(
    writing: Client, organization: Organization
) -> None:
    answer = preview(writing, make_template(organization))
    assert answer["errors"] == []
    assert (answer["required"], answer["missing"]) == (["name"], [])
    message = answer["message"]
    assert (message["kind"], message["subject"]) == ("email", "Hi Ada")
    head, _, body = message["page"].partition("<p>")
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in head
    assert body.startswith("Hello Ada")
    assert "Hello Ada" in message["text"]
    assert TemplateVersion.objects.count() == 1


def test_mistakes_come_with_their_field_line_and_column(
    writing: Client, organization: Organization
) -> None:
    template = make_template(organization)
    answer = preview(writing, template, html="<p>\r\n{{ name | nonsense }}</p>")
    (error,) = answer["errors"]
    assert (error["field"], error["line"], error["column"]) == ("html", 2, 11)
    assert error["excerpt"].endswith("^^^^^^^^")
    assert answer["message"] is None
    broken = preview(writing, template, sample_variables="{")
    assert [each["field"] for each in broken["errors"]] == ["sample_variables"]


def test_a_missing_variable_is_named_and_shown_in_braces(
    writing: Client, organization: Organization
) -> None:
    answer = preview(writing, make_template(organization), sample_variables="")
    assert answer["missing"] == ["name"]
    assert answer["message"]["subject"] == "Hi {name}"


def test_mjml_and_markdown_are_previewed_as_they_are_sent(
    writing: Client, organization: Organization
) -> None:
    template = make_template(organization)
    chosen = {"format": "markdown", "markdown": "# Hello {{ name }}"}
    assert ">Hello Ada</h1>" in preview(writing, template, **chosen)["message"]["page"]
    answer = preview(writing, template, format="mjml", mjml="<mjml>\n<mj-body><p></mjml>")
    assert [(each["field"], each["line"]) for each in answer["errors"]] == [("mjml", 2)]


def test_a_push_is_previewed_with_what_a_tap_opens(
    writing: Client, organization: Organization
) -> None:
    template = make_template(organization, "shipped", channel="push", content=PUSH_CONTENT)
    parts = {"title": "Hi {{ name }}", "body": "B", "link": "https://e.org/{{ name }}"}
    answer = preview(writing, template, subject="", html="", push_data='{"a": "1"}', **parts)
    message = answer["message"]
    assert (message["title"], message["link"]) == ("Hi Ada", "https://e.org/Ada")
    assert message["data"] == {"a": "1"}


@pytest.mark.parametrize(
    "source",
    [
        "{{ name.__class__.__mro__ }}",
        "{% include '/etc/passwd' %}",
        "{% for i in (1..100000000) %}{% endfor %}",
        "{{ " * 20_000,
        "<style>*{a:b}</style>" + "<b>" * 20_000,
        "{% for i in (1..1000) %}" * 3 + "x" + "{% endfor %}" * 3,
        "\x00{{ name }}",
        "x" * 200_000,
    ],
)
def test_hostile_sources_end_in_an_error_within_a_second(
    writing: Client, organization: Organization, source: str
) -> None:
    template = make_template(organization)
    began = time.process_time()
    answer = preview(writing, template, html=source)
    assert time.process_time() - began < 1
    assert answer["errors"] or answer["problem"] or "{name" in answer["message"]["text"]
    assert "root:" not in str(answer)


def test_only_authors_ask_and_only_for_what_they_may_see(
    author: User, organization: Organization, other_organization: Organization
) -> None:
    own, foreign = make_template(organization), make_template(other_organization)
    reader = sign_in(author, "view")
    assert ask(reader, own).status_code == 403
    assert reader.post(reverse(TRY), WRITTEN).status_code == 403
    writer = sign_in(author, "add", "view")
    assert ask(writer, own).status_code == 200
    assert ask(writer, foreign).status_code == 404
    assert ask(writer, own, template="nonsense").status_code == 404
    assert writer.get(reverse(PREVIEW)).status_code == 405
    version = foreign.versions.get()
    for name in ("publish", "compare"):
        address = reverse(f"admin:templates_templateversion_{name}", args=[version.pk])
        assert sign_in(author, "add", "view", "change").get(address).status_code == 404
    outsider = sign_in(make_user(organization=organization))
    assert ask(outsider, own).status_code == 302
    assert ask(Client(), own).status_code == 302


def test_the_token_against_forged_requests_is_needed(
    author: User, organization: Organization
) -> None:
    template = make_template(organization)
    careful = sign_in(author, "add", "view", enforce_csrf_checks=True)
    assert ask(careful, template).status_code == 403
    assert careful.post(reverse(TRY), WRITTEN).status_code == 403


def test_the_editor_begins_with_what_is_live_and_translates_from_the_default(
    writing: Client, organization: Organization
) -> None:
    template = make_template(organization, version={"sample_variables": {"name": "Ada"}})
    own = writing.get(f"{reverse(ADD)}?template={template.pk}").content.decode()
    assert "Hello {{ name }}" in own
    assert "to translate from" not in own
    other = writing.get(f"{reverse(ADD)}?template={template.pk}&language=de").content.decode()
    assert "en, version 1, to translate from" in other
    assert 'value="de"' in other
    assert "nothing live" in other


def test_a_version_in_markdown_is_stored_with_what_it_became_and_published(
    author: User, organization: Organization
) -> None:
    template = make_template(organization)
    client = sign_in(author, "add", "view", "change")
    form = {**WRITTEN, "template": str(template.pk), "format": "markdown", "markdown": "# Hi"}
    assert client.post(reverse(ADD), {**form, "_publish": "1"}).status_code == 302
    version = template.versions.get(number=2)
    assert version.content == {"subject": "Hi {{ name }}", "markdown": "# Hi"}
    assert ">Hi</h1>" in (version.built or {})["html"]
    assert version.is_published
    begun = client.get(f"{reverse(ADD)}?template={template.pk}").content.decode()
    assert "# Hi</textarea>" in begun


def test_a_version_may_name_the_templates_of_providers(
    writing: Client, organization: Organization
) -> None:
    template = make_template(organization)
    hosted = {"sendgrid_template": "d-1", "mailgun_template": "welcome"}
    form = {"template": str(template.pk), "language": "en", **hosted}
    assert writing.post(reverse(ADD), form).status_code == 302
    version = template.versions.get(number=2)
    names = {"sendgrid": "d-1", "mailgun": "welcome"}
    assert version.content == {"provider_template": names}
    assert "d-1" in page(writing, "change", version)
    wrong = writing.post(reverse(ADD), {**form, "sendgrid_template": "1"})
    assert b"begins with d-" in wrong.content


def test_without_the_right_to_publish_a_version_stays_a_draft(
    writing: Client, organization: Organization
) -> None:
    template = make_template(organization)
    form = {**WRITTEN, "template": str(template.pk), "_publish": "1"}
    assert writing.post(reverse(ADD), form).status_code == 302
    assert not template.versions.get(number=2).is_published


def test_versions_are_compared_line_by_line(writing: Client, organization: Organization) -> None:
    template = make_template(organization)
    form = {**WRITTEN, "template": str(template.pk), "html": "<p>\n<b>New</b>"}
    assert writing.post(reverse(ADD), form).status_code == 302
    compared = page(writing, "compare", template.versions.get(number=2))
    assert '<td class="line">&lt;b&gt;New&lt;/b&gt;</td>' in compared
    assert '<td class="line">&lt;p&gt;Hello {{ name }}&lt;/p&gt;</td>' in compared
    backwards = page(writing, "compare", template.versions.get(number=1), "?with=2")
    assert "version 2 →" in backwards
    same = page(writing, "compare", template.versions.get(number=1), "?with=x")
    assert "version 2 →" in same


def test_a_trial_is_accepted_for_its_author_and_marked_as_a_test(
    writing: Client, author: User, organization: Organization
) -> None:
    template = make_template(organization, version={"sample_variables": {"name": "Ada"}})
    form = {**WRITTEN, "template": str(template.pk)}
    answer: Any = writing.post(reverse(TRY), form)
    assert answer.status_code == 202, answer.content
    notification = Notification.objects.get()
    assert str(notification.pk) in answer.json()["page"]
    assert notification.user_id == author.pk
    assert notification.metadata == {"test": True, "template_code": "welcome"}
    assert notification.content["subject"] == "Hi {{ name }}"
    stored = reverse(
        "admin:templates_templateversion_try_stored", args=[template.versions.get().pk]
    )
    assert writing.post(stored).status_code == 302
    assert Notification.objects.count() == 2
    assert writing.get(stored).status_code == 405
    missing: Any = writing.post(reverse(TRY), {**form, "sample_variables": ""})
    assert missing.status_code == 422
    assert "name" in missing.json()["message"]


def test_a_trial_of_a_push_goes_to_the_authors_devices_or_says_that_there_is_none(
    writing: Client, author: User, organization: Organization
) -> None:
    template = make_template(organization, "shipped", channel="push", content=PUSH_CONTENT)
    form = {"template": str(template.pk), "language": "en", "title": "T", "body": "B"}
    answer: Any = writing.post(reverse(TRY), form)
    assert "no device" in answer.json()["message"]
    make_device(user=author)
    answer = writing.post(reverse(TRY), form)
    assert answer.json()["message"] == "On its way to your devices."


def test_the_page_of_a_template_counts_what_became_of_each_version(
    organization: Organization, author: User
) -> None:
    template = make_template(organization)
    version = template.versions.get()
    shared = {"organization": organization, "channel": "email", "template_code": "welcome"}
    for status, sent_at in (
        ("sent", timezone.now()),
        ("delivered", timezone.now()),
        ("failed", None),
    ):
        Notification.objects.create(
            **shared, template_version=version, status=status, sent_at=sent_at
        )
    User.objects.update(is_superuser=True)
    client = sign_in(author)
    shown = client.get(reverse("admin:templates_template_change", args=[template.pk]))
    row = shown.content.decode().partition("Version 1</a>")[2].partition("</tr>")[0]
    assert re.findall(r'<td class="num">(?:<b>)?(\d+)', row) == ["2", "1", "1"]
