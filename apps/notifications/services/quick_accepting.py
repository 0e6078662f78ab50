"""The fast accept: from what this process remembers, proven by the one statement that stores.

It only ever says yes. Whatever else is to be said (an error, a replay, a suppressed address) is
left to `accept_notification`, which reads everything.
"""

from typing import Any

from apps.notifications.models.transitions.accepting import insert_proven
from apps.notifications.services.accepting import Accepted, describe_accepted
from apps.notifications.services.orders import NotificationOrder
from apps.notifications.services.preparing import Preparation, prepare_row, require_right
from apps.notifications.services.recipient_limits import find_overwritten, give_back
from apps.templates.services.live_versions import recall_published
from apps.users.services.recipients import recall_recipient
from notifier.authentication import KnownCaller
from notifier.facts import Known, forget_untrue


def accept_quickly(*, order: NotificationOrder, caller: KnownCaller) -> Accepted | None:
    """Store one notification as `accept_notification` does; None when that has to decide.

    Raises what preparing raises, which may rest on what is no longer so: the caller asks
    `accept_notification` then as well.
    """
    principal = caller.value
    require_right(order, principal)
    preparation = Preparation(principal=principal)
    basis = _recall_basis(order, preparation)
    if basis is None:
        return None
    row = prepare_row(order, preparation)
    for one_too_many in find_overwritten([row], principal).values():
        raise one_too_many
    known = [caller, *basis]
    created_at = insert_proven(row, [each.fact for each in known])
    if created_at is None:
        give_back(row, principal)
        forget_untrue(known)
        return None
    return describe_accepted(row, created_at)


def _recall_basis(order: NotificationOrder, preparation: Preparation) -> list[Known[Any]] | None:
    """Put into the preparation what the order needs, and return what has to be proven of it."""
    basis: list[Known[Any]] = []
    organization_id, language = preparation.principal.organization_id, order.language
    if order.user_id is not None:
        user = recall_recipient(organization_id=organization_id, user_id=order.user_id)
        if user is None:
            return None
        basis.append(user)
        preparation.users = {order.user_id: user.value}
        preparation.with_devices = {order.user_id} if user.value.has_device else set()
        language = language or user.value.language
    if order.template_code is not None:
        code = order.template_code
        version = recall_published(organization_id=organization_id, code=code, language=language)
        if version is None:
            return None
        basis.append(version)
        preparation.versions = {(code, language): version.value}
    return basis
