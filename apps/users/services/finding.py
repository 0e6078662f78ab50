"""Finding users, for those who may see them."""

from uuid import UUID

from apps.users.models import User
from notifier.authentication import Principal
from notifier.errors import NotFound


def get_user(*, organization_id: UUID, user_id: UUID) -> User:
    """Return a user of the organization; raise NotFound for others, erased ones included."""
    user = User.objects.in_organization(organization_id).living().filter(pk=user_id).first()
    if user is None:
        raise NotFound("no such user")
    return user


def find_user(*, caller: Principal, user_id: UUID) -> User:
    """Return a user that the caller may see: itself, or with the scope `users` anybody.

    Others are NotFound, as those that do not exist (spec 3.3).
    """
    if not may_see(caller, user_id):
        raise NotFound("no such user")
    return get_user(organization_id=caller.organization_id, user_id=user_id)


def find_changeable_user(*, caller: Principal, user_id: UUID) -> User:
    """As `find_user`; a test key changes nobody (PermissionDenied): all accounts are live."""
    user = find_user(caller=caller, user_id=user_id)
    caller.require_mode("live")
    return user


def find_user_by_email(*, caller: Principal, email: str) -> User:
    """As `find_user`; raises InvalidRequest for what is no address."""
    users = User.objects.in_organization(caller.organization_id).living()
    user = users.with_email(email).first()
    if user is None or not may_see(caller, user.pk):
        raise NotFound("no such user")
    return user


def may_see(caller: Principal, user_id: UUID) -> bool:
    """Is it the caller itself, or may the caller see anybody of its organization?"""
    return caller.is_user(user_id) or caller.can("users")
