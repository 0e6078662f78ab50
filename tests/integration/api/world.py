"""One of everything that a route can be about."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.notifications.services.suppressing import add_suppression
from apps.templates.services import NewVersion, add_version, create_template
from apps.users.services import open_session
from notifier.authentication import SCOPES
from notifier.models import Organization
from tests.factories import make_api_key, make_device, make_user
from tests.integration.api.calling import Caller, key_of, person
from tests.integration.notifications.ledger import accept, finish, mail, push

WELCOME = {"subject": "Welcome, {{ name }}", "text": "Hello {{ name }}"}
PING = {"title": "Hi {{ name }}", "body": "Look at this"}


def add_templates(organization: Organization) -> None:
    """Add a mail template `welcome` with a second version in draft, and a push template `ping`."""
    for code, channel, content in (("welcome", "email", WELCOME), ("ping", "push", PING)):
        create_template(
            organization_id=organization.pk,
            code=code,
            channel=channel,
            name=code,
            version=NewVersion(content=content),
            now=timezone.now(),
        )
    draft = NewVersion(content=WELCOME)
    add_version(organization_id=organization.pk, code="welcome", version=draft)


def _suppress_somebody(organization: Organization) -> UUID:
    entry, _ = add_suppression(
        organization_id=organization.pk,
        channel="email",
        address="gone@example.org",
        cause="hard_bounce",
        source="main",
    )
    return entry.pk


class World:
    """An organization with one of everything; `names` fill the placeholders of routes."""

    def __init__(self, organization: Organization) -> None:
        add_templates(organization)
        admin = make_user(organization=organization, role="admin")
        self.member = make_user(organization=organization)
        device = make_device(user=self.member)
        self.callers: dict[str, Caller] = {
            "anyone": Caller(),
            "admin": person(admin),
            "key": key_of(organization, *SCOPES),
        }
        self.refresh_token = open_session(user=self.member, now=timezone.now()).refresh_token
        self.names: dict[str, Any] = {
            "user_id": self.member.pk,
            "email": self.member.email,
            "device_id": device.pk,
            "key_id": make_api_key(organization=organization).pk,
            "code": "welcome",
            "number": 2,
            "provider": "nobody",
            "suppression_id": _suppress_somebody(organization),
            **self._notifications(),
        }

    def _notifications(self) -> dict[str, Any]:
        key = self.callers["key"]
        recipients = [{"to": {"email": "ada@example.org"}, "variables": {"name": "Ada"}}]
        bulk = {"notification_type": "email", "template_code": "welcome", "recipients": recipients}
        failed = finish(accept(key), "failed", error_code="smtp_550")
        return {
            "failed": failed,
            "sent": finish(accept(key)),
            "push": accept(key, push()),
            "pending": accept(key, mail()),
            "batch_id": key.post("/notifications/bulk", bulk).data["batch_id"],
        }
