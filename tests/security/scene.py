"""Two organizations and one of everything that belongs to Ada, a member of the first.

Her things carry the word CANARY, which must not be in an answer to whoever may not see them.
"""

from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from apps.notifications.services.suppressing import add_suppression
from apps.notifications.services.unsubscribing import Unsubscription, seal_unsubscription
from apps.templates.services import NewVersion, add_version, create_template
from apps.users.services import open_session
from notifier.authentication import SCOPES
from notifier.models import Organization
from tests.factories import make_api_key, make_device, make_organization, make_user
from tests.integration.api.calling import Caller, key_of
from tests.integration.notifications.ledger import accept, finish, to_user
from tests.security.people import callers_of, ended_callers

CANARY = "canary-of-ada"
ADDRESS = f"{CANARY}@example.org"
LETTER = {"subject": f"{CANARY} {{{{ name }}}}", "text": "Hello {{ name }}"}
PING = {"title": CANARY, "body": "Look at this"}
Names = dict[str, Any]


def unknown_names() -> Names:
    """Return what fills a route's placeholders and names nothing that there is."""
    things = ("user", "admin", "device", "key", "batch", "suppression")
    kinds = (*things, "notification", "failed", "pending", "push")
    others = {"email": "nobody@example.org", "code": "no-such-code"}
    return {f"{kind}_id": uuid4() for kind in kinds} | others


class Scene:
    """Made once for all lines of the matrix; each line takes back what it changes."""

    def __init__(self) -> None:
        self.organization = make_organization(name="First")
        self.foreign = make_organization(name="Second")
        self.ada = make_user(organization=self.organization, email=ADDRESS, name=CANARY)
        self.admin = make_user(organization=self.organization, role="admin", name=CANARY)
        self.names = self._things_of_ada()
        self.callers = callers_of(self.organization)
        self.ended = ended_callers(self.organization)
        self.foreigners = callers_of(self.foreign)

    def _things_of_ada(self) -> Names:
        add_templates(self.organization)
        caller = key_of(self.organization, *SCOPES)
        session = open_session(user=self.ada, now=timezone.now())
        device = make_device(user=self.ada, token=f"{CANARY}-token")
        return {
            "user_id": self.ada.pk,
            "admin_id": self.admin.pk,
            "email": ADDRESS,
            "refresh_token": session.refresh_token,
            "device_id": device.pk,
            "key_id": make_api_key(organization=self.organization, name=CANARY).pk,
            "code": "letter-of-ada",
            "number": 2,
            "message_id": uuid4(),
            "suppression_id": _suppress_somebody(self.organization),
            "provider": "real",
            "token": _seal_wish(self.organization),
            **_notifications_to(self.ada.pk, caller),
        }


def add_templates(organization: Organization) -> None:
    """Add a letter with a second version in draft, and a push."""
    for code, channel, content in (
        ("letter-of-ada", "email", LETTER),
        ("ping-of-ada", "push", PING),
    ):
        create_template(
            organization_id=organization.pk,
            code=code,
            channel=channel,
            name=CANARY,
            version=NewVersion(content=content),
            now=timezone.now(),
        )
    draft = NewVersion(content=LETTER)
    add_version(organization_id=organization.pk, code="letter-of-ada", version=draft)


def _notifications_to(user_id: UUID, caller: Caller) -> Names:
    """Return ids of notifications in several states, a push and a batch."""
    push = {"notification_type": "push", "content": PING}
    letter = {"template_code": "letter-of-ada", "variables": {"name": CANARY}, "content": None}
    recipients = [{"user_id": str(user_id), "variables": {"name": CANARY}}]
    bulk = {"notification_type": "email", "template_code": "letter-of-ada"}
    batch = caller.post("/notifications/bulk", bulk | {"recipients": recipients})
    failed = finish(accept(caller, to_user(user_id, **letter)), "failed", error_code=CANARY)
    return {
        "failed_id": failed,
        "notification_id": finish(accept(caller, to_user(user_id, **letter))),
        "push_id": accept(caller, to_user(user_id, **push)),
        "pending_id": accept(caller, to_user(user_id, **letter)),
        "batch_id": batch.data["batch_id"],
    }


def _suppress_somebody(organization: Organization) -> UUID:
    entry, _ = add_suppression(
        organization_id=organization.pk,
        channel="email",
        address=f"suppressed-{ADDRESS}",
        cause="hard_bounce",
        source="real",
    )
    return entry.pk


def _seal_wish(organization: Organization) -> str:
    wish = Unsubscription(
        organization_id=organization.pk,
        channel="email",
        address=ADDRESS,
        template_code="letter-of-ada",
    )
    return seal_unsubscription(wish)
