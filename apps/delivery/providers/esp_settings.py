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


ESPS = {
    "sendgrid": Esp(module="sendgrid"),
    "mailgun": Esp(module="mailgun", path="sender_domain"),
    "anymail+brevo": Esp(module="brevo"),
    "anymail+mailersend": Esp(module="mailersend", username="api_token", has_metadata=False),
    "anymail+mailjet": Esp(module="mailjet", password="secret_key"),  # noqa: S106 - a setting's name
    "anymail+mailtrap": Esp(
        module="mailtrap", username="api_token", options=frozenset({"sandbox_id"})
    ),
    "anymail+mandrill": Esp(module="mandrill"),
    "anymail+postal": Esp(module="postal", needs_endpoint=True, has_metadata=False),
    "anymail+postmark": Esp(
        module="postmark", username="server_token", options=frozenset({"message_stream"})
    ),
    "anymail+resend": Esp(module="resend"),
    "anymail+scaleway": Esp(
        module="scaleway", username="secret_key", path="project_id", options=frozenset({"region"})
    ),
    "anymail+sparkpost": Esp(module="sparkpost", options=frozenset({"subaccount"})),
    "anymail+unisender-go": Esp(module="unisender_go", needs_endpoint=True),
}
