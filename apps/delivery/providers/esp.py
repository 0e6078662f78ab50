"""Mail through an e-mail service's HTTP API, by django-anymail, which knows two dozen of them."""

import importlib
import json
import warnings
from typing import Any
from urllib.parse import urlsplit

from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailNotSupportedWarning,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django.core.mail import EmailMultiAlternatives
from requests import RequestException, Response, codes

from apps.delivery.providers.contract import (
    Channel,
    EmailMessage,
    InvalidProviderUrl,
    Misconfigured,
    Permanent,
    ProviderError,
    Timeouts,
    Uncertain,
    clean_identity,
    quote_provider,
)
from apps.delivery.providers.esp_settings import Esp
from apps.delivery.providers.http_calls import explain_no_response, explain_response
from apps.delivery.providers.http_session import OneHopSession
from apps.delivery.providers.mime import (
    collect_headers,
    read_recipient,
    read_sender,
    require_own_parts,
)

# Anymail's codes for what it refuses before it asks the service, or reads in the answer.
REFUSALS: dict[type[AnymailError], str] = {
    AnymailRecipientsRefused: "recipient_refused",
    AnymailInvalidAddress: "invalid_recipient",
    AnymailUnsupportedFeature: "unsupported_by_provider",
    AnymailSerializationError: "invalid_content",
}


class EspProvider:
    """One kept session to one service. Needs configured Django settings, but none in ANYMAIL."""

    channel: Channel = "email"

    def __init__(
        self,
        *,
        name: str,
        esp: Esp,
        settings: dict[str, str],
        endpoint: str | None,
        timeouts: Timeouts,
    ) -> None:
        self.name = name
        self.longest_call_seconds = timeouts.longest_request
        self._esp = esp
        self._secrets = [settings[esp.username], settings.get(esp.password or "", "")]
        self._backend = _build_backend(esp, settings, endpoint=endpoint, timeouts=timeouts)

    def send(self, message: EmailMessage) -> str:
        """The service's message id, the one that its webhooks name."""
        hosted = message.hosted.get(self._esp.module)
        mail = _build_hosted(message, self._esp, hosted) if hosted else _build_mail(message)
        if self._esp.has_metadata:
            mail.metadata = {"notification_id": message.notification_id}
        try:
            self._backend.send_messages([mail])
        except AnymailError as exc:
            raise self._explain(exc) from exc
        except (LookupError, AttributeError, TypeError, ValueError, RecursionError) as exc:
            # Anymail trusts the shape of an answer.
            if mail.anymail_status.esp_response is None:
                raise
            raise Uncertain("the answer is unreadable", code="unreadable_answer") from exc
        return self._read_id(mail)

    def close(self) -> None:
        self._backend.close()

    def _read_id(self, mail: Any) -> str:
        response = mail.anymail_status.esp_response
        if self._backend.esp_name == "SendGrid" and not _is_sendgrid_answer(response):
            raise explain_response(response, words=response.content, secrets=self._secrets)
        return clean_identity(str(mail.anymail_status.message_id or ""))

    def _explain(self, error: AnymailError) -> ProviderError:
        words = quote_provider(str(error), secrets=self._secrets)
        for kind, code in REFUSALS.items():
            if isinstance(error, kind):
                return Permanent(words, code=code)
        if not isinstance(error, AnymailRequestsAPIError):
            return Misconfigured(words, code="provider_settings")
        if error.response is not None:
            return explain_response(
                error.response, words=error.response.content, secrets=self._secrets
            )
        cause = error.__cause__
        network = cause if isinstance(cause, RequestException) else RequestException(words)
        return explain_no_response(network, secrets=self._secrets)


def _is_sendgrid_answer(response: Response) -> bool:
    """Anymail reads nothing in it, so that some gateway's page would pass for a success."""
    return response.status_code == codes.accepted and not response.content


def _build_backend(
    esp: Esp, settings: dict[str, str], *, endpoint: str | None, timeouts: Timeouts
) -> Any:
    module = importlib.import_module(f"anymail.backends.{esp.module}")
    options: dict[str, Any] = {**settings, "timeout": (timeouts.connect, timeouts.read)}
    if esp.needs_endpoint:
        options["api_url"] = endpoint
    try:
        with warnings.catch_warnings():
            # Anymail no longer tests SendGrid (its issue 432); our own conformance suite does.
            warnings.filterwarnings("ignore", r".*SendGrid", AnymailNotSupportedWarning)
            backend = module.EmailBackend(**options)
    except AnymailConfigurationError as exc:
        raise InvalidProviderUrl(f"{esp.module}: {quote_provider(str(exc))}") from exc
    backend.session = OneHopSession()  # what open() would make, without following redirects
    if endpoint:
        backend.api_url = _replace_origin(backend.api_url, endpoint)
    return backend


def _replace_origin(api_url: str, endpoint: str) -> str:
    """The endpoint in place of the service's host; one that has a path replaces the path too."""
    path = urlsplit(endpoint).path or urlsplit(api_url).path
    origin = urlsplit(endpoint)
    return f"{origin.scheme}://{origin.netloc}{path.rstrip('/')}/"


def _build_hosted(message: EmailMessage, esp: Esp, template: str) -> Any:
    """A mail that the service makes of its own template: subject and parts are in there."""
    mail = _build_bare(message, subject="", text="")
    mail.template_id = template
    if esp.takes_json_variables:
        # Anymail would fill each variable by way of a text: no list or object comes through.
        mail.esp_extra = {"t:variables": json.dumps(message.variables)}
    else:
        mail.merge_global_data = dict(message.variables)
    return mail


def _build_mail(message: EmailMessage) -> Any:
    require_own_parts(message)
    mail = _build_bare(message, subject=message.subject, text=message.text)
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _build_bare(message: EmailMessage, *, subject: str, text: str) -> Any:
    """Any, because Anymail reads attributes that Django's class does not declare."""
    sender = read_sender(message)
    return EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=_format_sender(sender.display_name, str(sender)),
        to=[str(read_recipient(message))],
        headers=collect_headers(message),
    )


def _format_sender(name: str, address: str) -> str:
    """Anymail parses this again; quoted, so that a comma in a name does not make two senders."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>' if name else address
