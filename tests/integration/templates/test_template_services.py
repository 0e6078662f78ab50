"""Finding, numbering, publishing and rendering versions."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from apps.templates.models import Template, TemplateVersion
from apps.templates.rendering import MissingVariables, RenderedEmail, RenderedPush
from apps.templates.services import (
    NewVersion,
    add_version,
    delete_template,
    find_published,
    publish_version,
    render_version,
    require_variables,
)
from notifier.errors import InvalidRequest, NotFound, Unprocessable
from notifier.models import Organization
from tests.integration.templates.conftest import EMAIL_CONTENT, PUSH_CONTENT, make_template

SIMULTANEOUS = 8  # of fifty calls: each thread holds a connection of the test server


def publish_language(organization: Organization, language: str) -> TemplateVersion:
    version = NewVersion(content=EMAIL_CONTENT, language=language)
    draft = add_version(organization_id=organization.pk, code="welcome", version=version)
    return publish_version(
        organization_id=organization.pk, code="welcome", number=draft.number, now=timezone.now()
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("pt-BR", "pt-BR"),
        ("PT-br", "pt-BR"),
        ("pt-PT", "pt"),
        ("zh-Hant-TW", "zh-Hant"),
        ("fr", "en"),
        (None, "en"),
    ],
)
def test_the_nearest_published_language_is_found(
    organization: Organization, asked: str | None, found: str
) -> None:
    make_template(organization)
    for language in ("pt", "pt-BR", "zh-Hant"):
        publish_language(organization, language)
    version = find_published(organization_id=organization.pk, code="welcome", language=asked)
    assert version.language == found


def test_finding_the_live_version_is_one_query(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    make_template(organization)
    with django_assert_num_queries(1):
        version = find_published(organization_id=organization.pk, code="welcome", language="de")
        assert version.template.channel == "email"


def test_not_found_says_what_is_missing(organization: Organization) -> None:
    make_template(organization, "draft", publish=False)
    with pytest.raises(NotFound, match="no such template: nobody"):
        find_published(organization_id=organization.pk, code="nobody", language="en")
    with pytest.raises(NotFound, match="draft has no published version in de"):
        find_published(organization_id=organization.pk, code="draft", language="de")
    with pytest.raises(NotFound, match="no such template"):
        find_published(organization_id=uuid4(), code="draft", language="de")
    with pytest.raises(InvalidRequest, match="language"):
        find_published(organization_id=organization.pk, code="draft", language="no language")


def test_a_deleted_template_keeps_its_versions_but_is_not_found(
    organization: Organization,
) -> None:
    template = make_template(organization)
    delete_template(organization_id=organization.pk, code="welcome", now=timezone.now())
    with pytest.raises(NotFound):
        find_published(organization_id=organization.pk, code="welcome", language="en")
    version = TemplateVersion.objects.select_related("template").get(template=template)
    rendered = render_version(version=version, variables={"name": "Ada"})
    assert isinstance(rendered, RenderedEmail)
    assert rendered.subject == "Welcome, Ada"


def test_missing_variables_are_all_named_and_null_is_given(organization: Organization) -> None:
    template = make_template(organization, "ping", channel="push", content=PUSH_CONTENT)
    version = find_published(organization_id=organization.pk, code=template.code)
    with pytest.raises(Unprocessable, match="missing variables") as caught:
        require_variables(version=version, variables={"other": 1})
    assert {(error.field, error.code) for error in caught.value.errors} == {
        ("variables.name", "missing_variable"),
        ("variables.code", "missing_variable"),
    }
    require_variables(version=version, variables={"name": None, "code": 0})
    with pytest.raises(MissingVariables):
        render_version(version=version, variables={})
    with pytest.raises(InvalidRequest):
        require_variables(version=version, variables={"name": object(), "code": 0})


def test_a_push_is_rendered_with_all_its_parts(organization: Organization) -> None:
    content = {
        **PUSH_CONTENT,
        "link": "https://example.org/{{ code }}",
        "data": {"k": "{{ code }}"},
    }
    make_template(organization, "ping", channel="push", content=content)
    version = find_published(organization_id=organization.pk, code="ping")
    assert render_version(version=version, variables={"name": "Ada", "code": 7}) == RenderedPush(
        title="Hi Ada",
        body="Your code is 7",
        link="https://example.org/7",
        data={"k": "7"},
    )


def test_publishing_twice_changes_nothing(organization: Organization) -> None:
    make_template(organization)
    first = find_published(organization_id=organization.pk, code="welcome")
    again = publish_version(
        organization_id=organization.pk, code="welcome", number=1, now=timezone.now()
    )
    assert again.published_at == first.published_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory SQLite has one connection")
def test_fifty_concurrent_versions_get_fifty_numbers() -> None:
    organization = Organization.objects.create(slug="acme", name="Acme")
    make_template(organization)
    version = NewVersion(content=EMAIL_CONTENT)

    def add_one(_: int) -> int:
        try:
            return add_version(
                organization_id=organization.pk, code="welcome", version=version
            ).number
        finally:
            connection.close()

    with ThreadPoolExecutor(SIMULTANEOUS) as pool:
        numbers = list(pool.map(add_one, range(50)))
    assert sorted(numbers) == list(range(2, 52))


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory SQLite has one connection")
def test_concurrent_publishing_leaves_one_live_version() -> None:
    organization = Organization.objects.create(slug="acme", name="Acme")
    template = make_template(organization)
    for _ in range(7):
        add_version(
            organization_id=organization.pk,
            code="welcome",
            version=NewVersion(content=EMAIL_CONTENT),
        )

    def publish_one(number: int) -> bool:
        try:
            return publish_version(
                organization_id=organization.pk, code="welcome", number=number, now=timezone.now()
            ).is_published
        finally:
            connection.close()

    with ThreadPoolExecutor(SIMULTANEOUS) as pool:
        assert all(pool.map(publish_one, [*range(1, 9)] * 4))
    assert Template.objects.get(pk=template.pk).versions.published().count() == 1


def test_markdown_is_translated_when_it_is_written_and_sent_as_it_was(
    organization: Organization,
) -> None:
    template = make_template(organization, content={"subject": "Hi", "markdown": "# {{ name }}"})
    version = template.versions.select_related("template").get()
    assert version.built is not None
    assert "{{ name }}</h1>" in version.built["html"]
    # As if another release of the translator had written it.
    version.built = {"html": "<i>{{ name }}</i>", "text": "then: {{ name }}"}
    rendered = render_version(version=version, variables={"name": "<Ada>"})
    assert isinstance(rendered, RenderedEmail)
    assert (rendered.html, rendered.text) == ("<i>&lt;Ada&gt;</i>", "then: <Ada>")
    assert version.required_variables == ["name"]


def test_mjml_that_cannot_be_read_is_refused_with_its_place(organization: Organization) -> None:
    broken = {"subject": "Hi", "mjml": "<mjml>\n<mj-body><p></mjml>"}
    with pytest.raises(InvalidRequest, match=r"content\.mjml: line 2, column"):
        make_template(organization, content=broken)
    assert not Template.objects.exists()
