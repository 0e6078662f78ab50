"""One fingerprint of all rows of an organization, to see that a request changed none."""

from functools import cache
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from notifier.models import Organization

OURS = ("users", "templates", "notifications")
# What a refused request may write: when a key was used, and that somebody was refused.
_UNIMPORTANT = "'{last_used_at,last_login}'::text[]"


def fingerprint_of(organization_id: UUID) -> str:
    """Return a digest of every row that belongs to the organization, or to such a row."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(), {"organization": organization_id})
        return str(cursor.fetchone()[0])


@cache
def _statement() -> str:
    digests = " || ".join(f"({_digest(model)})" for model in _tables())
    return f"SELECT md5({digests})"  # our own table names


def _tables() -> list[type[models.Model]]:
    every = [model for label in OURS for model in apps.get_app_config(label).get_models()]
    return [model for model in every if "audit" not in model.__name__.lower()]


def _digest(model: type[models.Model]) -> str:
    table = model._meta.db_table  # noqa: SLF001  # Django's documented interface
    rows = f"SELECT (to_jsonb(t) - {_UNIMPORTANT})::text AS row FROM {table} t"  # noqa: S608  # as above
    rows += f" WHERE {_condition(model)}"
    return f"SELECT coalesce(md5(string_agg(row, '' ORDER BY row)), '') FROM ({rows}) r"  # noqa: S608  # as above


def _condition(model: type[models.Model]) -> str:
    """Rows have an organization, or hang from a row that has one."""
    for field in model._meta.fields:  # noqa: SLF001  # as above
        if field.related_model is Organization:
            return f"{field.column} = %(organization)s"
    for field in model._meta.fields:  # noqa: SLF001  # as above
        parent = field.related_model
        if isinstance(parent, type) and issubclass(parent, models.Model):
            table = parent._meta.db_table  # noqa: SLF001  # as above
            mine = f"SELECT id FROM {table} WHERE {_condition(parent)}"  # noqa: S608  # as above
            return f"{field.column} IN ({mine})"
    raise AssertionError(f"{model.__name__} belongs to no organization")
