"""What the editor asks while somebody writes: a preview, and a message to the author itself."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from apps.templates.admin.access import find_template, organization_of, visible_versions
from apps.templates.admin.forms import ContentForm
from apps.templates.admin.preview import describe_draft
from apps.templates.models import TemplateVersion
from apps.templates.services import Draft, Trial, TrialAnswer, examine_draft, send_trial
from notifier.api.envelope import STATUS_OF_CODE
from notifier.errors import NotifierError

VERSION_PAGE = "admin:templates_templateversion_change"
NOTIFICATION_PAGE = "admin:notifications_notification_change"


def preview_draft(request: HttpRequest) -> HttpResponse:
    """Check and render what stands in the editor's form; nothing is stored."""
    form, channel, _ = _read_draft(request)
    content, variables = form.read_content(), form.cleaned_data.get("sample_variables", {})
    if content and channel:
        draft = examine_draft(channel=channel, content=content, variables=variables)
    else:
        draft = Draft(problem="" if channel else "Choose the template first.")
    return JsonResponse(describe_draft(form, draft))


def try_draft(request: HttpRequest) -> HttpResponse:
    """Send what stands in the editor's form to whoever wrote it."""
    form, channel, code = _read_draft(request)
    if form.errors:
        return JsonResponse({"message": "Correct the mistakes first."}, status=422)
    trial = _build_trial(
        request,
        channel=channel,
        content=form.read_content(),
        variables=form.cleaned_data["sample_variables"],
        template_code=code,
        language=form.cleaned_data["language"],
    )
    try:
        answer = send_trial(trial)
    except NotifierError as error:
        return JsonResponse({"message": error.message}, status=STATUS_OF_CODE[error.code])
    page = reverse(NOTIFICATION_PAGE, args=[answer.notification_id])
    return JsonResponse({"message": _describe_trial(channel, answer), "page": page}, status=202)


def try_version(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a stored version to whoever asks, and return to its page."""
    _require_one_of(request, "templates.add_templateversion")
    version = get_object_or_404(visible_versions(request), pk=pk)
    try:
        answer = send_trial(_trial_of(request, version))
    except NotifierError as error:
        messages.error(request, error.message)
    else:
        say = messages.warning if answer.reason else messages.success
        say(request, _describe_trial(version.template.channel, answer))
    return redirect(VERSION_PAGE, version.pk)


def _read_draft(request: HttpRequest) -> tuple[ContentForm, str, str]:
    """Return the form that was posted, the channel and the template's code.

    404 for a template that does not exist for this person.
    """
    _require_one_of(request, "templates.add_templateversion", "templates.add_template")
    form = ContentForm(request.POST)
    form.full_clean()
    if not (identity := request.POST.get("template", "")):
        return form, request.POST.get("channel", ""), request.POST.get("code", "")[:100]
    template = find_template(request, identity)
    if template is None:
        raise Http404
    return form, template.channel, template.code


def _require_one_of(request: HttpRequest, *permissions: str) -> None:
    if not any(request.user.has_perm(each) for each in permissions):
        raise PermissionDenied


def _trial_of(request: HttpRequest, version: TemplateVersion) -> Trial:
    return _build_trial(
        request,
        channel=version.template.channel,
        content=version.content,
        variables=version.sample_variables,
        template_code=version.template.code,
        language=version.language,
    )


def _build_trial(request: HttpRequest, **what: Any) -> Trial:
    return Trial(
        organization_id=organization_of(request), user_id=UUID(str(request.user.pk)), **what
    )


def _describe_trial(channel: str, answer: TrialAnswer) -> str:
    if answer.reason:
        return f"Accepted, but not sent to you: {answer.reason.replace('_', ' ')}."
    return "On its way to your address." if channel == "email" else "On its way to your devices."


def only_post(view: Any) -> Any:
    """Let a view be reached by POST alone, which carries the token against forged requests."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        response: HttpResponse = view(request, *args, **kwargs)
        return response

    return guarded
