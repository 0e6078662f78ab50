"""The mail services reached through Anymail, and which part of the URL fills which setting."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Esp:
    """One Anymail backend; the names are those of its constructor's settings."""

    module: str
    username: str = "api_key"
    password: str | None = None
    path: str | None = None
    options: frozenset[str] = frozenset()
    needs_endpoint: bool = False  # hosted by its user, or one address per account
    # Without it only the X-Notification-ID header names the notification to the service.
    has_metadata: bool = True
    takes_json_variables: bool = False  # for templates of its own, as Mailgun's t:variables
    # The setting of Anymail's webhook view that ?webhook_key= fills; most services cannot sign and
    # send `user:password` as basic authentication. None: the service reports nothing.
    webhook: str | None = "webhook_secret"


ESPS = {
    "sendgrid": Esp(module="sendgrid", webhook="tracking_webhook_verification_key"),
    "mailgun": Esp(
        module="mailgun",
        webhook="webhook_signing_key",
        path="sender_domain",
        takes_json_variables=True,
    ),
    "anymail+brevo": Esp(module="brevo"),
    "anymail+mailersend": Esp(
        module="mailersend", webhook="signing_secret", username="api_token", has_metadata=False
    ),
    "anymail+mailjet": Esp(module="mailjet", password="secret_key"),  # noqa: S106 - a setting's name
    "anymail+mailtrap": Esp(
        module="mailtrap",
        webhook="tracking_secret",
        username="api_token",
        options=frozenset({"sandbox_id"}),
    ),
    "anymail+mandrill": Esp(module="mandrill", webhook="webhook_key"),
    "anymail+postal": Esp(
        module="postal", webhook="webhook_key", needs_endpoint=True, has_metadata=False
    ),
    "anymail+postmark": Esp(
        module="postmark", username="server_token", options=frozenset({"message_stream"})
    ),
    "anymail+resend": Esp(module="resend"),
    "anymail+scaleway": Esp(
        module="scaleway",
        webhook=None,
        username="secret_key",
        path="project_id",
        options=frozenset({"region"}),
    ),
    "anymail+sparkpost": Esp(module="sparkpost", options=frozenset({"subaccount"})),
    "anymail+unisender-go": Esp(module="unisender_go", webhook="api_key", needs_endpoint=True),
}
