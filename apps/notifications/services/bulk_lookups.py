"""What a bulk request must know of many recipients, each with one query for all of them."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from apps.notifications.models import Notification, Suppression
from apps.users.models import Device, User
from notifier.sql import encode_ids, ids_sql, is_postgresql
from notifier.sql_arrays import encode_array


class KnownUser(NamedTuple):
    """As much of a user as decides where a message goes, and whether."""

    email: str
    email_key: str
    language: str
    is_active: bool
    is_wanted: bool  # the channel is switched on


def find_users(
    ids: Collection[UUID], *, organization_id: UUID, channel: str
) -> dict[UUID, KnownUser]:
    """Return those users of an organization who are not erased, by id.

    Without the models: making a thousand of them takes as long as storing a thousand rows.
    """
    if not ids:
        return {}
    mine = User.objects.in_organization(organization_id).living()
    switch = "email_enabled" if channel == "email" else "push_enabled"
    columns = ("pk", "email", "email_key", "language", "is_active", switch)
    rows = mine.filter(_has_id("users_user.id", ids)).order_by().values_list(*columns)
    return {row[0]: KnownUser._make(row[1:]) for row in rows}


def find_device_owners(ids: Collection[UUID]) -> set[UUID]:
    """Return which of these users have a device."""
    if not ids:
        return set()
    rows = Device.objects.filter(_has_id("users_device.user_id", ids)).order_by()
    return set(rows.values_list("user_id", flat=True))


def find_suppressed(
    indexes: Collection[str], *, organization_id: UUID, channel: str
) -> dict[str, set[str]]:
    """Return the scopes of the suppressions of these addresses, by the address's index."""
    mine = Suppression.objects.in_organization(organization_id).filter(channel=channel)
    column = "notifications_suppression.address_index"
    rows = mine.filter(_has_text(column, indexes)).order_by().values_list("address_index", "scope")
    found: dict[str, set[str]] = {}
    for index, scope in rows:
        found.setdefault(index, set()).add(scope)
    return found


def find_used(request_ids: Collection[str], *, organization_id: UUID) -> set[str | None]:
    """Return which of these request ids stand for a notification already."""
    if not request_ids:
        return set()
    mine = Notification.objects.in_organization(organization_id).order_by()
    column = "notifications_notification.request_id"
    return set(mine.filter(_has_text(column, request_ids)).values_list("request_id", flat=True))


def _has_id(column: str, ids: Collection[UUID]) -> RawSQL:
    """A condition with one parameter: Django would write a thousand into the statement."""
    if is_postgresql():
        return _condition(f"{column} = ANY(%s::uuid[])", encode_array(list(ids)))
    return _condition(f"{column} IN ({ids_sql()})", encode_ids(list(ids)))


def _has_text(column: str, texts: Collection[str]) -> RawSQL:
    if is_postgresql():
        return _condition(f"{column} = ANY(%s::text[])", encode_array(list(texts)))
    return _condition(f"{column} IN ({ids_sql()})", f"[{encode_array(list(texts))[1:-1]}]")


def _condition(sql: str, parameter: str) -> RawSQL:
    return RawSQL(sql, [parameter], output_field=BooleanField())  # noqa: S611  # no text of others in it
