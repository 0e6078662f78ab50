"""`POST /webhooks/{provider}`: what mail services report about mails that they took."""

import msgspec
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from apps.delivery.providers.sns import SnsUnavailable
from apps.delivery.providers.urls import ProviderUrl
from apps.delivery.providers.webhooks import (
    UnreadableWebhook,
    UnverifiedWebhook,
    asks_for_password,
    read_webhook,
    sends_webhooks,
)
from apps.delivery.services.receiving import receive_events
from notifier.api.bodies import MAX_BODY
from notifier.api.envelope import answer, failure_of
from notifier.api.views import PublicView
from notifier.errors import (
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    Unavailable,
)

log = structlog.get_logger(__name__)


class ReceiptsAnswer(msgspec.Struct, kw_only=True):
    """How many of the reports are about notifications and were stored."""

    stored: int


class WebhookView(PublicView):
    """The sender proves itself by the provider's own signature, never by our credentials.

    Not limited: a provider reports a thousand mails a second from one address.
    """

    is_limited = False

    @extend_schema(
        operation_id="receiveWebhook",
        summary="Receipts from a provider",
        description=(
            "`provider` is the name or the scheme of a configured provider. The request must carry"
            " the provider's signature; the key to verify it is the `webhook_key` of its URL."
        ),
        tags=["Webhooks"],
        request=OpenApiTypes.OBJECT,
        responses={200: ReceiptsAnswer, 401: None, 503: None},
    )
    def post(self, request: Request, provider: str) -> HttpResponse:
        url = _find_provider(provider)
        reports = request._request  # noqa: SLF001  # Anymail reads forms as Django does
        _require_small(reports)
        try:
            events = read_webhook(url=url, request=reports)
        except UnverifiedWebhook as error:
            log.warning("webhook_refused", provider=url.name, why=str(error))
            return _refuse(error, url)
        except SnsUnavailable as error:
            log.warning("sns_not_confirmed", provider=url.name, error=str(error))
            raise Unavailable("the subscription could not be confirmed", retry_after=60) from error
        except UnreadableWebhook as error:
            log.warning("webhook_unreadable", provider=url.name)
            raise InvalidRequest(str(error)) from error
        stored = receive_events(provider=url.name, events=events)
        return answer(ReceiptsAnswer(stored=stored), "Receipts stored")

    def head(self, request: Request, provider: str) -> HttpResponse:
        """Some services ask whether the address exists before they use it."""
        _find_provider(provider)
        return answer(None)


def _refuse(error: UnverifiedWebhook, url: ProviderUrl) -> HttpResponse:
    response = failure_of(Unauthenticated(str(error)))
    if asks_for_password(url):
        response["WWW-Authenticate"] = 'Basic realm="notifier"'
    return response


def _find_provider(name: str) -> ProviderUrl:
    """Return the provider of that name, else the first of that scheme; NotFound."""
    able: list[ProviderUrl] = [url for url in settings.EMAIL_PROVIDER_URLS if sends_webhooks(url)]
    named = [url for url in able if url.name == name]
    of_scheme = [url for url in able if url.scheme.removeprefix("anymail+") == name]
    for url in named + of_scheme:
        return url
    raise NotFound("no such provider")


def _require_small(request: HttpRequest) -> None:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdigit() or int(declared) > MAX_BODY:
        raise PayloadTooLarge(f"the body is larger than {MAX_BODY} bytes")
