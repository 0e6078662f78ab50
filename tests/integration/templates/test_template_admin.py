"""The admin's pages: writing a template, seeing mistakes, previewing, publishing."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.templates.models import Template, TemplateVersion
from apps.users.models import User
from notifier.models import Organization
from tests.integration.templates.conftest import EMAIL_CONTENT, make_template

ADD_TEMPLATE = "admin:templates_template_add"
ADD_VERSION = "admin:templates_templateversion_add"
PARTS = ("subject", "text", "html", "title", "body", "image", "link", "push_data")


@pytest.fixture
def operator(organization: Organization) -> Client:
    user = User.objects.create_superuser(email="operator@example.org", organization=organization)
    client = Client()
    client.force_login(user)
    return client


def filled(**values: str) -> dict[str, str]:
    empty = dict.fromkeys((*PARTS, "sample_variables"), "")
    return {**empty, "language": "en", "push_data": "null", **values}


def new_template(organization: Organization, **values: str) -> dict[str, str]:
    basics = {"code": "welcome", "channel": "email", "name": "Welcome", "kind": "transactional"}
    guarantee = {"organization": str(organization.pk), "delivery_guarantee": "at_least_once"}
    return filled(**basics, **guarantee, **values)


def page_of(version: TemplateVersion) -> str:
    return reverse("admin:templates_templateversion_change", args=[version.pk])


def test_a_template_is_written_in_text_areas(operator: Client, organization: Organization) -> None:
    assert operator.get(reverse(ADD_TEMPLATE)).status_code == 200
    written = new_template(organization, subject="Hi", html="<p>\r\n{{ name }}</p>")
    response = operator.post(reverse(ADD_TEMPLATE), written)
    assert response.status_code == 302, response.content
    version = TemplateVersion.objects.get()
    assert version.content == {"subject": "Hi", "html": "<p>\n{{ name }}</p>"}
    assert version.is_published
    assert version.created_by == User.objects.get().pk
    for page in (
        "admin:templates_template_changelist",
        "admin:templates_templateversion_changelist",
    ):
        assert b"welcome" in operator.get(reverse(page)).content


def test_a_mistake_is_shown_beside_its_part_with_line_and_excerpt(
    operator: Client, organization: Organization
) -> None:
    written = new_template(organization, subject="Hi", html="<p>\n{{ name | nonsense }}</p>")
    page = operator.post(reverse(ADD_TEMPLATE), written).content.decode()
    assert "Line 2, column" in page
    assert re.search(r"<pre>2 \| \{\{ name \| nonsense \}\}&lt;/p&gt;\n.*\^", page)
    assert not Template.objects.exists()


@pytest.mark.parametrize(
    "sample", ["[1]", "{", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": "\\u0000"}']
)
def test_sample_variables_that_cannot_be_rendered_are_refused(
    operator: Client, organization: Organization, sample: str
) -> None:
    written = new_template(organization, subject="Hi", text="Hi")
    page = operator.post(reverse(ADD_TEMPLATE), {**written, "sample_variables": sample})
    assert page.status_code == 200
    assert not Template.objects.exists()


@pytest.mark.parametrize("code", ["validate", "welcome", "Not A Code"])
def test_a_code_that_cannot_be_is_shown_beside_the_code(
    operator: Client, organization: Organization, code: str
) -> None:
    make_template(organization)
    written = {**new_template(organization, subject="Hi", text="Hi"), "code": code}
    assert operator.post(reverse(ADD_TEMPLATE), written).status_code == 200
    assert Template.objects.count() == 1


def test_properties_change_and_a_language_without_live_version_is_refused(
    operator: Client, organization: Organization
) -> None:
    template = make_template(organization)
    address = reverse("admin:templates_template_change", args=[template.pk])
    assert operator.get(address).status_code == 200
    formset = {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
    change = {"name": "Hello", "kind": "marketing", "delivery_guarantee": "at_most_once"}
    sent = {**change, **formset, "default_language": "de"}
    assert operator.post(address, sent).status_code == 200
    assert operator.post(address, {**sent, "default_language": "en"}).status_code == 302
    template.refresh_from_db()
    assert (template.name, template.kind) == ("Hello", "marketing")


def test_a_new_version_offers_the_parts_of_its_channel_and_is_a_draft(
    operator: Client, organization: Organization
) -> None:
    template = make_template(organization)
    address = f"{reverse(ADD_VERSION)}?template={template.pk}"
    page = operator.get(address).content.decode()
    assert 'name="html"' in page
    assert 'name="body"' not in page
    assert operator.get(f"{reverse(ADD_VERSION)}?template=nonsense").status_code == 200
    written = filled(template=str(template.pk), subject="New", text="Text", language="PT-br")
    assert operator.post(address, written).status_code == 302
    version = template.versions.get(number=2)
    assert (version.language, version.is_published) == ("pt-BR", False)


def test_parts_of_the_other_channel_are_refused(
    operator: Client, organization: Organization
) -> None:
    template = make_template(organization)
    written = filled(template=str(template.pk), subject="New", text="Text", title="Push?")
    page = operator.post(reverse(ADD_VERSION), written)
    assert b"unknown part" in page.content
    assert template.versions.count() == 1


def test_the_preview_is_a_sandbox_that_markup_cannot_leave(
    operator: Client, organization: Organization
) -> None:
    content = {"subject": "<b>Hi</b>", "html": '<p title="a">{{ name }}</p><script>x</script>'}
    sample: dict[str, Any] = {"sample_variables": {"name": "Ada"}}
    make_template(organization, content=content, version=sample)
    page = operator.get(page_of(TemplateVersion.objects.get())).content.decode()
    (frame,) = re.findall(r"<iframe [^>]*>", page)
    assert 'sandbox=""' in frame
    (document,) = re.findall(r'srcdoc="([^"]*)"', frame)
    assert ">Ada</p>" in unescape(document)
    assert unescape(document).startswith("<!doctype html><meta charset=")
    assert "default-src 'none'" in unescape(document).partition("<p")[0]
    assert "<script>x" not in page
    assert "&lt;b&gt;Hi&lt;/b&gt;" in page


def test_a_version_is_published_by_a_post_from_its_page(
    operator: Client, organization: Organization
) -> None:
    template = make_template(organization)
    draft = TemplateVersion.objects.create(
        template=template, number=2, language="en", content=EMAIL_CONTENT
    )
    address = reverse("admin:templates_templateversion_publish", args=[draft.pk])
    assert address in operator.get(page_of(draft)).content.decode()
    question = operator.get(address).content.decode()
    assert "instead of version 1" in question
    live = template.versions.published()
    assert live.get().number == 1
    assert operator.post(address).status_code == 302
    assert live.get().number == 2
    first = template.versions.get(number=1)
    back = reverse("admin:templates_templateversion_publish", args=[first.pk])
    assert "Roll welcome back to version 1" in operator.get(back).content.decode()
    assert operator.post(back).status_code == 302
    assert live.get().number == 1


def test_publishing_needs_the_token_and_the_right(
    operator: Client, organization: Organization
) -> None:
    draft = make_template(organization, publish=False).versions.get()
    address = reverse("admin:templates_templateversion_publish", args=[draft.pk])
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(User.objects.get())
    assert careful.post(address).status_code == 403
    User.objects.update(is_superuser=False)
    assert operator.post(address).status_code == 403
    draft.refresh_from_db()
    assert not draft.is_published


def test_content_cannot_be_changed_in_the_admin(
    operator: Client, organization: Organization
) -> None:
    version = make_template(organization).versions.get()
    answer = operator.post(page_of(version), filled(subject="Other", text="Other"))
    assert answer.status_code == 403
    version.refresh_from_db()
    assert version.content == EMAIL_CONTENT


def test_deleting_hides_a_template_and_keeps_its_rows(
    operator: Client, organization: Organization
) -> None:
    template = make_template(organization)
    address = reverse("admin:templates_template_changelist")
    action = {"action": "retire_templates", "_selected_action": [str(template.pk)]}
    assert operator.post(address, action).status_code == 302
    template.refresh_from_db()
    assert template.deleted_at is not None
    assert template.versions.count() == 1
