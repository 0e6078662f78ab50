"""Migrations of indexes that lock no writers out, so that they may run while the system works.

Django's own cannot: its AlterField drops and checks the foreign key anew, and its concurrent
operations know PostgreSQL alone. A migration with these says `atomic = False`; `manage.py migrate`
lets them take their time, and every step may be repeated after it was interrupted.
"""

from typing import Any

from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# What Django makes for a foreign key by itself: its name ends in a hash.
_PLAIN_INDEX = """
SELECT i.indexrelid::regclass::text FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %s::regclass AND a.attname = %s
AND i.indnatts = 1 AND i.indpred IS NULL AND NOT i.indisunique
"""


class AddIndexCalmly(migrations.AddIndex):
    """Add an index; reading it backwards, remove it."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: Any,
        to_state: Any,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not _is_postgresql(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        schema_editor.remove_index(model, self.index, concurrently=True)
        schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: Any,
        to_state: Any,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if not _is_postgresql(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        schema_editor.remove_index(model, self.index, concurrently=True)


class ChangePlainIndex(migrations.AlterField):
    """Change nothing of a foreign key but whether it has Django's index of its own."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: Any,
        to_state: Any,
    ) -> None:
        if not _is_postgresql(schema_editor):
            with transaction.atomic(schema_editor.connection.alias):  # the table is made anew
                super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        options = model._meta  # noqa: SLF001  # Django's documented API
        field = options.get_field(self.name)
        _drop_plain(schema_editor, options.db_table, field.column)
        if field.db_index:
            _build_plain(schema_editor, options.db_table, field.column)


def _drop_plain(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> None:
    with editor.connection.cursor() as cursor:
        cursor.execute(_PLAIN_INDEX, [table, column])
        names = [row[0] for row in cursor.fetchall()]
    for name in names:
        editor.execute(f"DROP INDEX CONCURRENTLY {name}")  # regclass has quoted it


def _build_plain(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> None:
    editor.execute(f"CREATE INDEX CONCURRENTLY {table}_{column} ON {table} ({column})")


def _is_postgresql(editor: BaseDatabaseSchemaEditor) -> bool:
    return editor.connection.vendor == "postgresql"
