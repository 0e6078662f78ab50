"""From an order to a row: who gets it, what is sent, and whether it may be sent at all."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.utils import timezone

from apps.notifications.models import Status
from apps.notifications.models.suppression import index_address
from apps.notifications.services.bulk_lookups import find_suppressed
from apps.notifications.services.orders import NotificationOrder, as_utc, fingerprint
from apps.notifications.services.suppressing import covers, is_marketing
from apps.templates.models import Template, TemplateVersion
from apps.templates.rendering import FOR_TEMPLATES_ALONE
from apps.templates.services import (
    PublishedVersions,
    find_published,
    load_published,
    require_renderable,
    require_variables,
)
from apps.templates.services.content import require_plain_variables
from apps.users.models import Device, User, index_email
from notifier.addresses import normalise_email
from notifier.authentication import Principal
from notifier.correlation import current_correlation_id
from notifier.errors import InvalidRequest, NotFound, PermissionDenied, Unprocessable
from notifier.identifiers import new_id
from notifier.tracing import current_traceparent

Row = dict[str, Any]


class Addressee(Protocol):
    """What an order needs to know of a user."""

    @property
    def pk(self) -> UUID: ...
    @property
    def email(self) -> str: ...
    @property
    def email_key(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def is_active(self) -> bool: ...

    def wants(self, channel: str) -> bool: ...


@dataclass(kw_only=True)
class Preparation:
    """What the orders of one request share: the caller, and what was already looked up."""

    principal: Principal
    batch_id: UUID | None = None
    is_trial: bool = False  # content of a template's author, with all that versions may hold
    users: Mapping[UUID, Addressee] = field(default_factory=dict)
    with_devices: set[UUID] = field(default_factory=set)
    templates: dict[str, PublishedVersions] = field(default_factory=dict)
    versions: dict[tuple[str, str | None], TemplateVersion | NotFound] = field(
        default_factory=dict
    )

    def load_users(self, ids: set[UUID], *, channel: str) -> None:
        """Look up the users of all orders at once; foreign and erased ones stay unknown."""
        if not ids:
            return
        mine = User.objects.in_organization(self.principal.organization_id).living()
        self.users = {user.pk: user for user in mine.filter(pk__in=ids)}
        if channel == "push":
            self._load_device_owners()

    def _load_device_owners(self) -> None:
        owners = Device.objects.filter(user__in=self.users).values_list("user_id", flat=True)
        self.with_devices = set(owners)

    def user(self, user_id: UUID) -> Addressee:
        if user_id not in self.users:
            raise NotFound("no such user")
        return self.users[user_id]

    def load_template(self, code: str) -> Template:
        """Look up all of a template that rows in any languages may need; raise NotFound."""
        self.templates[code] = load_published(
            organization_id=self.principal.organization_id, code=code
        )
        return self.templates[code].template

    def version(self, code: str, language: str | None) -> TemplateVersion:
        key = (code, language)
        if key not in self.versions:
            self.versions[key] = self._find_version(code, language)
        found = self.versions[key]
        if isinstance(found, NotFound):
            raise NotFound(found.message)
        return found

    def marketing_versions(self) -> set[UUID]:
        """Return which of the versions that were looked up belong to a marketing template."""
        found = [each for each in self.versions.values() if isinstance(each, TemplateVersion)]
        return {version.pk for version in found if is_marketing(version)}

    def _find_version(self, code: str, language: str | None) -> TemplateVersion | NotFound:
        """A miss is remembered too: ten thousand rows may have the same."""
        try:
            if code in self.templates:
                return self.templates[code].find(language)
            return find_published(
                organization_id=self.principal.organization_id, code=code, language=language
            )
        except NotFound as error:
            return NotFound(error.message)  # without its frames


def prepare_row(order: NotificationOrder, preparation: Preparation) -> Row:
    """Return the row that an order asks for.

    Raises InvalidRequest (contradictory order), NotFound (user, template), Unprocessable (missing
    variables, template of the other channel) and PermissionDenied. A recipient who must not get
    it is no error: the row is `skipped`, with the reason.
    """
    require_right(order, preparation.principal)
    user = preparation.user(order.user_id) if order.user_id else None
    row = describe_order(order, preparation)
    row |= _describe_recipient(order, user)
    row |= _describe_content(order, user, preparation)
    row["reason"] = _reason_to_skip(order, user, preparation)
    row["status"] = Status.SKIPPED if row["reason"] else Status.PENDING
    return row


def skip_suppressed(rows: Collection[Row], preparation: Preparation) -> None:
    """Turn rows of one channel to suppressed addresses into `skipped` ones, with one query.

    Pushes to users are left to the delivery, which looks at each of their devices.
    """
    waiting = [row for row in rows if row["recipient_index"] and row["status"] == Status.PENDING]
    if not waiting:
        return
    scopes = find_suppressed(
        {row["recipient_index"] for row in waiting},
        organization_id=preparation.principal.organization_id,
        channel=waiting[0]["channel"],
    )
    marketing = preparation.marketing_versions() if scopes else set()
    for row in waiting if scopes else ():
        found = scopes.get(row["recipient_index"], ())
        if covers(found, marketing=row["template_version_id"] in marketing):
            row |= {"status": Status.SKIPPED, "reason": "suppressed"}


def require_right(order: NotificationOrder, principal: Principal) -> None:
    """Raise what keeps a caller from notifying whom the order names.

    A person without `send` may notify itself; others do not exist for it (spec 3.3). A program
    is nobody, so that without `send` it may notify nobody.
    """
    if (order.user_id is None) == (order.to is None):
        raise InvalidRequest.of_field("user_id", "give exactly one of user_id or to")
    if principal.can("send") or principal.is_user(order.user_id):
        return
    if order.user_id is None or principal.user_id is None:
        raise PermissionDenied("this needs the scope `send`")
    raise NotFound("no such user")


def require_channel(template: Template, channel: str) -> None:
    """Raise Unprocessable unless the template is for that channel."""
    if template.channel != channel:
        raise Unprocessable(f"template {template.code} is for {template.channel}")


def describe_order(order: NotificationOrder, preparation: Preparation) -> Row:
    """Return what a row says whoever gets it."""
    scheduled_at = as_utc(order.scheduled_at, field="scheduled_at")
    expires_at = as_utc(order.expires_at, field="expires_at")
    if expires_at and expires_at <= (scheduled_at or timezone.now()):
        raise InvalidRequest.of_field("expires_at", "must be later than the time of sending")
    principal = preparation.principal
    return {
        "id": new_id(),
        "organization_id": principal.organization_id,
        "batch_id": preparation.batch_id,
        "channel": order.notification_type,
        "mode": principal.mode,
        "priority": order.priority,
        "correlation_id": current_correlation_id(),
        "traceparent": current_traceparent(),
        "request_id": order.request_id,
        "request_digest": fingerprint(order, mode=principal.mode),
        "metadata": order.metadata,
        "due_at": scheduled_at,
        "expires_at": expires_at,
    }


def _describe_recipient(order: NotificationOrder, user: Addressee | None) -> Row:
    if user is not None:
        is_email = order.notification_type == "email"
        address, index = (user.email, user.email_key) if is_email else ("", "")
        return _recipient_columns(address, index=index, user_id=user.pk)
    to = order.to
    if to is not None and order.notification_type == "email":
        if not to.email or to.push_token or to.platform:
            raise InvalidRequest.of_field("to", "an e-mail needs {email} and nothing else")
        recipient = normalise_email(to.email, field="to.email")
        return _recipient_columns(recipient, index=index_email(recipient))
    if to is None or not to.push_token or not to.platform or to.email:
        raise InvalidRequest.of_field("to", "a push needs {push_token, platform} and nothing else")
    if not to.push_token.isascii() or not to.push_token.isprintable() or " " in to.push_token:
        raise InvalidRequest.of_field("to.push_token", "not a device token")
    index = index_address(to.push_token)
    return _recipient_columns(to.push_token, index=index, platform=to.platform)


def _recipient_columns(
    recipient: str, *, index: str, user_id: UUID | None = None, platform: str = ""
) -> Row:
    return {
        "user_id": user_id,
        "recipient": recipient,
        "recipient_index": index,
        "platform": platform,
    }


def _describe_content(
    order: NotificationOrder, user: Addressee | None, preparation: Preparation
) -> Row:
    if (order.template_code is None) == (order.content is None):
        raise InvalidRequest.of_field(
            "template_code", "give exactly one of template_code or content"
        )
    require_plain_variables(order.metadata, name="metadata")
    if order.content is not None:
        if not preparation.is_trial:
            _require_loose_parts(order.content)
        return _describe_own_content(order, order.content)
    language = order.language or (user.language if user else None)
    version = preparation.version(order.template_code or "", language)
    require_channel(version.template, order.notification_type)
    require_variables(version=version, variables=order.variables)
    return {
        "template_version_id": version.pk,
        "template_code": version.template.code,
        "language": version.language,
        "content": None,
        "variables": order.variables,
        "delivery_guarantee": version.template.delivery_guarantee,
    }


def _describe_own_content(order: NotificationOrder, content: dict[str, Any]) -> Row:
    _require_one_line(content.get("subject"))
    require_renderable(channel=order.notification_type, content=content, variables=order.variables)
    return {
        "template_version_id": None,
        "template_code": "",
        "language": order.language or "",
        "content": content,
        "variables": order.variables,
        "delivery_guarantee": "at_least_once",
    }


def _require_loose_parts(content: dict[str, Any]) -> None:
    for part in FOR_TEMPLATES_ALONE:
        if part in content:
            raise InvalidRequest.of_field(
                f"content.{part}", "only a stored template may have this"
            )


def _require_one_line(subject: object) -> None:
    # Rendering would join the lines; whoever sends several means another header by it (spec 3.7).
    if isinstance(subject, str) and subject.splitlines() not in ([], [subject]):
        raise InvalidRequest.of_field("content.subject", "line breaks are not allowed")


def _reason_to_skip(
    order: NotificationOrder, user: Addressee | None, preparation: Preparation
) -> str:
    if user is None:
        return ""
    if not user.is_active:
        return "user_inactive"
    if not user.wants(order.notification_type):
        return "preference_off"
    if order.notification_type == "push" and user.pk not in preparation.with_devices:
        return "no_device"
    return ""
