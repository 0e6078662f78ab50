"""The template routes: each turns a request into one call of a service, and back."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.templates import services
from apps.templates.api import schema
from apps.templates.api.serializers import (
    ContentBody,
    NewTemplateBody,
    NewVersionBody,
    PreviewBody,
    TemplateChangeBody,
    describe_preview,
    describe_report,
    describe_shown,
    describe_template,
    describe_templates,
    describe_version,
)
from apps.templates.rendering import check_content
from notifier.api.bodies import read_body
from notifier.api.envelope import answer
from notifier.api.known_view import KnownView
from notifier.api.pages import paginate
from notifier.api.views import ApiView, principal_of
from notifier.authentication import Principal
from notifier.errors import InvalidRequest, PermissionDenied
from notifier.facts import Known


def reader_of(request: HttpRequest) -> Principal:
    """Return the caller, who may read templates: to write them, or to send with them."""
    return require_reader(principal_of(request))


def require_reader(principal: Principal) -> Principal:
    if not (principal.can("templates") or principal.can("send")):
        raise PermissionDenied("this needs the scope `templates` or `send`")
    return principal


def live_writer_of(request: HttpRequest) -> Principal:
    """Return the caller, who may change what live notifications say: no test key may."""
    principal = principal_of(request)
    principal.require_mode("live")
    return principal


class TemplatesView(ApiView):
    scopes = {"POST": "templates"}

    @schema.list_templates
    def get(self, request: Request) -> HttpResponse:
        templates = services.list_templates(
            organization_id=reader_of(request).organization_id,
            channel=_read_channel(request),
            language=request.GET.get("language", ""),
            search=request.GET.get("search", ""),
        )
        page, meta = paginate(request, templates)
        return answer(describe_templates(page), meta=meta)

    @schema.create_template
    def post(self, request: Request) -> HttpResponse:
        principal, body = principal_of(request), read_body(request, NewTemplateBody)
        template = services.create_template(
            organization_id=principal.organization_id,
            code=body.code,
            channel=body.channel,
            name=body.name,
            version=body.as_new_version(),
            now=timezone.now(),
            kind=body.kind,
            delivery_guarantee=body.delivery_guarantee,
            publish=body.publish,
            created_by=principal.user_id,
        )
        response = answer(describe_template(template), "Template created", status=201)
        response["Location"] = f"/api/v1/templates/{template.code}"
        return response


class TemplateView(KnownView):
    """One template, with its versions and what is live of it."""

    scopes = {"PATCH": "templates", "DELETE": "templates"}

    def recall(self, caller: Principal, **kwargs: Any) -> Known[Any] | None:
        organization_id = require_reader(caller).organization_id
        return services.recall_template(organization_id=organization_id, code=kwargs["code"])

    def describe(self, value: Any) -> Any:
        return describe_shown(value)

    @schema.get_template
    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        organization_id = reader_of(request).organization_id
        template = services.get_template(organization_id=organization_id, code=code)
        return answer(describe_template(template))

    @schema.change_template
    def patch(self, request: HttpRequest, code: str) -> HttpResponse:
        organization_id = live_writer_of(request).organization_id
        changes = read_body(request, TemplateChangeBody).changes()
        template = services.update_template(organization_id=organization_id, code=code, **changes)
        return answer(describe_template(template), "Template changed")

    @schema.delete_template
    def delete(self, request: HttpRequest, code: str) -> HttpResponse:
        organization_id = live_writer_of(request).organization_id
        services.delete_template(organization_id=organization_id, code=code, now=timezone.now())
        return answer(None, "Template deleted")


class VersionsView(ApiView):
    scopes = {"POST": "templates"}

    @schema.list_versions
    def get(self, request: Request, code: str) -> HttpResponse:
        organization_id = reader_of(request).organization_id
        versions = services.list_versions(organization_id=organization_id, code=code)
        page, meta = paginate(request, versions)
        return answer([describe_version(version) for version in page], meta=meta)

    @schema.add_version
    def post(self, request: Request, code: str) -> HttpResponse:
        principal, body = principal_of(request), read_body(request, NewVersionBody)
        version = services.add_version(
            organization_id=principal.organization_id,
            code=code,
            version=body.as_new_version(),
            created_by=principal.user_id,
        )
        return answer(describe_version(version), "Version stored as a draft", status=201)


class PublishView(ApiView):
    scopes = {"POST": "templates"}

    @schema.publish_version
    def post(self, request: Request, code: str, number: int) -> HttpResponse:
        version = services.publish_version(
            organization_id=live_writer_of(request).organization_id,
            code=code,
            number=number,
            now=timezone.now(),
        )
        return answer(describe_version(version), "Version published")


class PreviewView(ApiView):
    @schema.preview_template
    def post(self, request: Request, code: str) -> HttpResponse:
        organization_id = reader_of(request).organization_id
        body = read_body(request, PreviewBody)
        version, rendered = services.preview_template(
            organization_id=organization_id,
            code=code,
            variables=body.variables,
            language=body.language,
            number=body.version,
        )
        return answer(describe_preview(version, rendered))


class ValidateContentView(ApiView):
    @schema.validate_content
    def post(self, request: Request) -> HttpResponse:
        reader_of(request)
        body = read_body(request, ContentBody)
        return answer(describe_report(check_content(channel=body.channel, content=body.content)))


def _read_channel(request: Request) -> str:
    channel = request.GET.get("channel", "")
    if channel not in {"", "email", "push"}:
        raise InvalidRequest.of_field("channel", "email or push")
    return channel
