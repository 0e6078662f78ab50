"""The rows of a bulk request: quickly where nothing is unusual, else as those of single posts.

`prepare_row` is what decides. A row that is plainly fine is described here in a tenth of the time,
to the same result; whatever is not (an error, a structured variable that is too deep, a user who
does not exist) goes to `prepare_row`, which also says what is wrong.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.notifications.models import Status
from apps.notifications.services.bulk_lookups import (
    KnownUser,
    find_device_owners,
    find_users,
)
from apps.notifications.services.orders import (
    Address,
    BulkRecipient,
    NotificationOrder,
    UnreadBulkOrder,
    fingerprint,
)
from apps.notifications.services.preparing import (
    Preparation,
    Row,
    describe_order,
    require_channel,
)
from apps.templates.models import TemplateVersion
from apps.templates.rendering import weigh_texts
from apps.templates.services import require_variables
from apps.users.models import index_email
from notifier.addresses import normalise_email
from notifier.errors import NotifierError, Unprocessable
from notifier.identifiers import new_id
from notifier.plain_addresses import is_plain_email


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What the rows in one language share; `needed` is None where names are not enough to tell."""

    version: TemplateVersion
    needed: frozenset[str] | None
    columns: Row

    @classmethod
    def of(cls, version: TemplateVersion) -> "_Message":
        columns = {
            "template_version_id": version.pk,
            "template_code": version.template.code,
            "language": version.language,
            "content": None,
            "delivery_guarantee": version.template.delivery_guarantee,
        }
        return cls(version=version, needed=_list_needed(version), columns=columns)


class _Unusual(Exception):  # no error: `prepare_row` may well accept the row
    """A row that is not described here."""


class BulkRows:
    """Describes the rows of one request."""

    def __init__(self, order: UnreadBulkOrder, preparation: Preparation) -> None:
        self._preparation = preparation
        # Each row's order in turn, for its fingerprint: a thousand would only be thrown away.
        self._order = NotificationOrder(
            notification_type=order.notification_type,
            template_code=order.template_code,
            priority=order.priority,
        )
        self._shared = describe_order(self._order, preparation)
        self._messages: dict[str | None, _Message] = {}  # by what rows ask for
        self._made: dict[UUID, _Message] = {}  # by version: many languages come to one
        self._users: dict[UUID, KnownUser] = {}
        self._owners: set[UUID] = set()

    def load_users(self, ids: Collection[UUID]) -> None:
        """Look up the users of all rows at once."""
        channel = self._order.notification_type
        organization_id = self._preparation.principal.organization_id
        self._users = find_users(ids, organization_id=organization_id, channel=channel)
        if channel == "push":
            self._owners = find_device_owners(ids)

    def describe_plain(self, recipient: BulkRecipient) -> Row | None:
        """Return the row of a recipient, None where `prepare_row` has to look at it."""
        if not self._preparation.principal.can("send"):
            return None
        try:
            return self._describe(recipient)
        except (NotifierError, _Unusual):
            return None

    def _describe(self, recipient: BulkRecipient) -> Row:
        user = self._find_user(recipient)
        message = self._find_message(recipient.language or (user.language if user else None))
        _require_variables(message, recipient.variables)
        reason = self._reason_to_skip(recipient.user_id, user) if user else ""
        return {
            **self._shared,
            **message.columns,
            **(self._to_user(user) if user else self._to_address(recipient.to)),
            "id": new_id(),
            "user_id": recipient.user_id,
            "request_id": recipient.request_id,
            "request_digest": self._fingerprint(recipient),
            "variables": recipient.variables,
            "reason": reason,
            "status": Status.SKIPPED if reason else Status.PENDING,
        }

    def _find_user(self, recipient: BulkRecipient) -> KnownUser | None:
        """Return whom the row names, None for an address; exactly one of them is given."""
        if (recipient.user_id is None) == (recipient.to is None):
            raise _Unusual
        if recipient.user_id is None:
            return None
        user = self._users.get(recipient.user_id)
        if user is None:
            raise _Unusual
        return user

    def _find_message(self, language: str | None) -> _Message:
        if language not in self._messages:
            version = self._preparation.version(self._order.template_code or "", language)
            if version.pk not in self._made:
                require_channel(version.template, self._order.notification_type)
                self._made[version.pk] = _Message.of(version)
            self._messages[language] = self._made[version.pk]
        return self._messages[language]

    def _reason_to_skip(self, user_id: UUID | None, user: KnownUser) -> str:
        if not user.is_active:
            return "user_inactive"
        if not user.is_wanted:
            return "preference_off"
        is_push = self._order.notification_type == "push"
        return "no_device" if is_push and user_id not in self._owners else ""

    def _to_user(self, user: KnownUser) -> Row:
        if self._order.notification_type == "push":  # its devices are looked up at delivery
            return {"recipient": "", "recipient_index": "", "platform": ""}
        return {"recipient": user.email, "recipient_index": user.email_key, "platform": ""}

    def _to_address(self, to: Address | None) -> Row:
        is_email = self._order.notification_type == "email"
        if not is_email or to is None or not to.email or to.push_token or to.platform:
            raise _Unusual  # or a push, of which there are few to bare tokens
        address = to.email if is_plain_email(to.email) else normalise_email(to.email)
        return {"recipient": address, "recipient_index": index_email(address), "platform": ""}

    def _fingerprint(self, recipient: BulkRecipient) -> str:
        order = self._order
        order.user_id, order.to = recipient.user_id, recipient.to
        order.language, order.variables = recipient.language, recipient.variables
        return fingerprint(order, mode=self._preparation.principal.mode)


def _list_needed(version: TemplateVersion) -> frozenset[str] | None:
    """Return the names that must be given: those that are missed where none is.

    None where a name is a path (`order.total`): whether there is such a value, only a full check
    can tell.
    """
    try:
        require_variables(version=version, variables={})
    except Unprocessable as error:
        names = frozenset(each.field.removeprefix("variables.") for each in error.errors)
        return names if all(name.isidentifier() for name in names) else None
    return frozenset()


def _require_variables(message: _Message, variables: dict[str, Any]) -> None:
    """Raise unless the variables can be sent; flat text needs no more than a look at the names."""
    if message.needed is None or not (
        message.needed <= variables.keys() and weigh_texts(variables) is not None
    ):
        require_variables(version=message.version, variables=variables)
