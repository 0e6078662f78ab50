"""The template routes as a program sees them."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.templates.models import Template, TemplateVersion
from notifier.models import Organization
from tests.integration.templates.conftest import (
    EMAIL_CONTENT,
    PUSH_CONTENT,
    ApiClient,
    data_of,
    envelope,
    errors_of,
    make_key,
    make_template,
)

NEW = {"code": "welcome", "channel": "email", "name": "Welcome", "content": EMAIL_CONTENT}


def test_creating_a_template_publishes_its_version_1(writer: ApiClient) -> None:
    response = writer.post("", {**NEW, "sample_variables": {"name": "Ada"}})
    data = data_of(response, 201)
    assert response["Location"] == "/api/v1/templates/welcome"
    assert data["content"] == EMAIL_CONTENT
    assert data["sample_variables"] == {"name": "Ada"}
    assert data["published"] == {"en": 1}
    assert (data["kind"], data["delivery_guarantee"]) == ("transactional", "at_least_once")
    assert data["default_language"] == "en"
    assert data["versions"][0]["required_variables"] == ["name"]
    assert data == data_of(writer.get("/welcome"))
    assert data == data_of(writer.get("/welcome/"))


def test_a_template_may_start_as_a_draft(writer: ApiClient) -> None:
    data = data_of(writer.post("", {**NEW, "publish": False}), 201)
    assert data["published"] == {}
    assert data["content"] is None
    assert not data["versions"][0]["published"]


def test_a_language_has_one_spelling(writer: ApiClient) -> None:
    data = data_of(writer.post("", {**NEW, "language": "PT-br"}), 201)
    assert data["published"] == {"pt-BR": 1}
    assert data["default_language"] == "pt-BR"


def test_a_code_can_be_used_once_and_again_after_deletion(writer: ApiClient) -> None:
    data_of(writer.post("", NEW), 201)
    assert envelope(writer.post("", NEW), 409)["error"] == "conflict"
    assert data_of(writer.call("DELETE", "/welcome")) is None
    assert envelope(writer.get("/welcome"), 404)["error"] == "not_found"
    data_of(writer.post("", NEW), 201)
    assert Template.objects.filter(code="welcome").count() == 2


def test_broken_content_is_refused_with_line_and_column(writer: ApiClient) -> None:
    content = {"subject": "Hi", "html": "<p>\n{{ name | nonsense }}</p>"}
    errors = errors_of(writer.post("", {**NEW, "content": content}), 400)
    assert list(errors) == ["content.html"]
    assert errors["content.html"].startswith("line 2, column ")
    assert "nonsense" in errors["content.html"]
    assert not Template.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "Welcome"}, "code"),
        ({"code": "welcome\n"}, "code"),
        ({"code": "validate"}, "code"),
        ({"code": "a" * 101}, "code"),
        ({"channel": "fax"}, "channel"),
        ({"channel": "push"}, "content.subject"),
        ({"language": "en us"}, "language"),
        ({"content": {"subject": "Hi"}}, "content.text"),
        ({"content": {"subject": False, "text": "Hi"}}, "content.subject"),
        ({"content": []}, "content"),
        ({"sample_variables": {"a": [[[[[[[[[1]]]]]]]]]}}, "sample_variables"),
        ({"name": "n" * 201}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    writer: ApiClient, change: dict[str, Any], field: str
) -> None:
    assert field in errors_of(writer.post("", {**NEW, **change}), 400)
    assert not Template.objects.exists()


@pytest.mark.parametrize("leaf", [b"1", b'"\\u0000"'])
@pytest.mark.parametrize("depth", [40, 400, 950, 100_000])
def test_deep_bodies_are_the_callers_error(writer: ApiClient, depth: int, leaf: bytes) -> None:
    deep = b"[" * depth + leaf + b"]" * depth
    body = b'{"channel": "email", "content": {"subject": ' + deep + b"}}"
    assert envelope(writer.post("/validate", body), 400)["error"] == "validation_error"


def test_a_list_is_paged_and_can_be_narrowed(
    writer: ApiClient, organization: Organization, other_organization: Organization
) -> None:
    make_template(organization, "order.paid")
    make_template(organization, "order.sent", version={"language": "pt-BR"})
    make_template(organization, "ping", channel="push", content=PUSH_CONTENT)
    make_template(other_organization, "order.secret")

    def codes(query: str) -> list[str]:
        return [template["code"] for template in data_of(writer.get(query))]

    assert codes("") == ["order.paid", "order.sent", "ping"]
    assert codes("?search=order.") == ["order.paid", "order.sent"]
    assert codes("?channel=push") == ["ping"]
    assert codes("?language=pt-br") == ["order.sent"]
    assert codes("?limit=1&page=2") == ["order.sent"]
    meta = envelope(writer.get("?limit=1&page=2"), 200)["meta"]
    assert (meta["total"], meta["total_pages"], meta["has_next"]) == (3, 3, True)


@pytest.mark.parametrize(
    "query", ["search=%00", "search=A", "channel=fax", "language=%00", "limit=0", "limit=101"]
)
def test_a_filter_that_cannot_be_is_a_400(writer: ApiClient, query: str) -> None:
    assert envelope(writer.get(f"?{query}"), 400)["error"] == "validation_error"


def test_properties_change_but_code_and_channel_do_not(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization)
    change = {"name": "Hello", "kind": "marketing", "delivery_guarantee": "at_most_once"}
    data = data_of(writer.call("PATCH", "/welcome", change))
    assert {key: data[key] for key in change} == change
    for fixed in ("code", "channel", "content"):
        assert fixed in errors_of(writer.call("PATCH", "/welcome", {fixed: "push"}), 400)
    assert data_of(writer.call("PATCH", "/welcome", {}))["name"] == "Hello"


def test_the_default_language_must_have_a_live_version(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization)
    refusal = envelope(writer.call("PATCH", "/welcome", {"default_language": "de"}), 422)
    assert refusal["error"] == "unprocessable"
    writer.post("/welcome/versions", {"language": "de", "content": EMAIL_CONTENT})
    data_of(writer.post("/welcome/versions/2/publish"))
    data = data_of(writer.call("PATCH", "/welcome", {"default_language": "de"}))
    assert data["default_language"] == "de"


def test_a_new_version_is_a_draft_until_published_and_an_older_one_is_the_rollback(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization)
    newer = {**EMAIL_CONTENT, "subject": "Good day"}
    version = data_of(writer.post("/welcome/versions", {"content": newer}), 201)
    assert (version["number"], version["published"]) == (2, False)
    assert version["language"] == "en"
    assert data_of(writer.get("/welcome"))["published"] == {"en": 1}
    assert data_of(writer.post("/welcome/versions/2/publish"))["published"]
    assert data_of(writer.get("/welcome"))["content"] == newer
    data_of(writer.post("/welcome/versions/1/publish/"))
    assert data_of(writer.get("/welcome"))["published"] == {"en": 1}
    assert [row["number"] for row in data_of(writer.get("/welcome/versions"))] == [2, 1]


def test_publishing_one_language_leaves_the_others_live(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization)
    writer.post("/welcome/versions", {"language": "pt", "content": EMAIL_CONTENT})
    data_of(writer.post("/welcome/versions/2/publish"))
    assert data_of(writer.get("/welcome"))["published"] == {"en": 1, "pt": 2}


def test_content_that_this_release_cannot_render_is_not_published(
    writer: ApiClient, organization: Organization
) -> None:
    template = make_template(organization)
    broken = {"subject": "{{ name", "text": "Hi"}
    TemplateVersion.objects.create(template=template, number=2, language="en", content=broken)
    refusal = writer.post("/welcome/versions/2/publish")
    assert "line 1, column 1" in errors_of(refusal, 422)["content.subject"]
    assert data_of(writer.get("/welcome"))["published"] == {"en": 1}


@pytest.mark.parametrize("number", ["9", "0", str(2**40), "9" * 5000])
def test_an_unknown_version_is_not_found(
    writer: ApiClient, organization: Organization, number: str
) -> None:
    make_template(organization)
    envelope(writer.post(f"/welcome/versions/{number}/publish"), 404)


def test_a_preview_renders_with_sample_variables_below_the_given_ones(
    writer: ApiClient, organization: Organization
) -> None:
    content = {"subject": "{{ greeting }}, {{ name }}", "html": "<p>{{ name }}</p>"}
    sample = {"greeting": "Hi", "name": "Ada"}
    make_template(organization, content=content, version={"sample_variables": sample})
    data = data_of(writer.post("/welcome/preview", {"variables": {"name": "<Bo>"}}))
    assert data["rendered"]["subject"] == "Hi, <Bo>"
    assert "&lt;Bo&gt;" in data["rendered"]["html"]
    assert data["rendered"]["text"].strip() == "<Bo>"
    assert (data["version"], data["language"]) == (1, "en")


def test_a_preview_names_every_missing_variable(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization, "ping", channel="push", content=PUSH_CONTENT)
    response = writer.post("/ping/preview", {"variables": {}})
    assert set(errors_of(response, 422)) == {"variables.name", "variables.code"}
    given = {"variables": {"name": None, "code": 7}}
    assert data_of(writer.post("/ping/preview", given))["rendered"]["body"] == "Your code is 7"


def test_a_draft_can_be_previewed_by_its_number(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization, publish=False, version={"sample_variables": {"name": "Ada"}})
    assert "published" in envelope(writer.post("/welcome/preview", {}), 404)["message"]
    data = data_of(writer.post("/welcome/preview", {"version": 1}))
    assert data["rendered"]["subject"] == "Welcome, Ada"


def test_variables_that_are_too_deep_are_the_callers_error(
    writer: ApiClient, organization: Organization
) -> None:
    make_template(organization)
    deep: Any = 1
    for _ in range(20):
        deep = [deep]
    response = writer.post("/welcome/preview", {"variables": {"name": deep}})
    assert "variables" in errors_of(response, 400)


def test_validating_answers_200_whatever_the_content_is(writer: ApiClient) -> None:
    good = data_of(writer.post("/validate", {"channel": "email", "content": EMAIL_CONTENT}))
    assert good == {"valid": True, "errors": [], "required_variables": ["name"]}
    content = {"title": "Hi", "body": "a\n{% include 'x' %}"}
    bad = data_of(writer.post("/validate/", {"channel": "push", "content": content}))
    assert not bad["valid"]
    (error,) = bad["errors"]
    assert (error["part"], error["line"], error["column"]) == ("body", 2, 1)
    assert "include" in error["message"]
    assert "^" in error["excerpt"]


def test_reading_needs_templates_or_send_and_writing_needs_templates(
    organization: Organization, new_key: Callable[..., ApiClient]
) -> None:
    make_template(organization)
    sender, reporter = new_key("send"), new_key("status", "read", "users", "admin")
    writes: list[tuple[str, str, Any]] = [
        ("POST", "", NEW),
        ("PATCH", "/welcome", {}),
        ("DELETE", "/welcome", None),
        ("POST", "/welcome/versions", {"content": EMAIL_CONTENT}),
        ("POST", "/welcome/versions/1/publish", None),
    ]
    reads: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/welcome", None),
        ("GET", "/welcome/versions", None),
        ("POST", "/welcome/preview", {"variables": {"name": "Ada"}}),
        ("POST", "/validate", {"channel": "email", "content": EMAIL_CONTENT}),
    ]
    for route in reads:
        assert sender.call(*route).status_code == 200
        assert reporter.call(*route).status_code == 403
    for route in writes:
        assert sender.call(*route).status_code == 403
    for route in reads + writes:
        assert envelope(ApiClient(None).call(*route), 401)["error"] == "unauthenticated"
    assert TemplateVersion.objects.count() == 1


def test_templates_of_another_organization_are_not_found(
    organization: Organization, other_organization: Organization
) -> None:
    make_template(organization)
    stranger = make_key(other_organization, "templates", "send")
    routes: list[tuple[str, str, Any]] = [
        ("GET", "/welcome", None),
        ("PATCH", "/welcome", {"name": "Mine"}),
        ("DELETE", "/welcome", None),
        ("GET", "/welcome/versions", None),
        ("POST", "/welcome/versions", {"content": EMAIL_CONTENT}),
        ("POST", "/welcome/versions/1/publish", None),
        ("POST", "/welcome/preview", {"variables": {"name": "Ada"}}),
    ]
    for route in routes:
        assert envelope(stranger.call(*route), 404)["error"] == "not_found"
    assert data_of(stranger.get("")) == []
    assert Template.objects.get().name == "Welcome"


@pytest.mark.parametrize("code", ["nothing", "%00", "Ω", "..", "a" * 5000])
def test_a_code_that_nobody_has_is_not_found(writer: ApiClient, code: str) -> None:
    assert envelope(writer.get(f"/{code}"), 404)["error"] == "not_found"
    assert envelope(writer.post(f"/{code}/preview", {}), 404)["error"] == "not_found"
