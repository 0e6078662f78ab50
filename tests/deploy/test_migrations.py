"""Every migration may run while the release before it works: docs/operations.md, "Upgrades"."""

import re
from collections.abc import Iterator

import pytest
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelTable,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
    RunSQL,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

from notifier.index_migrations import AddIndexCalmly, ChangePlainIndex

# Up to here the tables of 0.1.0 were built: no release before it works beside these.
BUILT = {"delivery": 4, "notifications": 6, "notifier": 3, "templates": 1, "users": 5}
# Takes from the release before what it reads or writes, or holds a table while it looks at every
# row. What must be done all the same is done one release later, and named here with the reason.
FORBIDDEN = (
    *(AddConstraint, AddIndex, AlterField, AlterModelTable, DeleteModel),
    *(RemoveField, RenameField, RenameModel),
)
GENTLE = (AddIndexCalmly, ChangePlainIndex)
CONTRACTS: dict[tuple[str, str], str] = {}


def list_migrations() -> Iterator[Migration]:
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if app in BUILT and int(name[:4]) > BUILT[app]:
            yield migration


MIGRATIONS = sorted(list_migrations(), key=str)


def list_operations(migration: Migration) -> Iterator[Operation]:
    for operation in migration.operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from operation.database_operations
        else:
            yield operation


@pytest.mark.parametrize("migration", MIGRATIONS, ids=str)
def test_a_migration_takes_nothing_from_the_release_before(migration: Migration) -> None:
    if (migration.app_label, migration.name) in CONTRACTS:
        return
    created: set[str] = set()
    for operation in list_operations(migration):
        if isinstance(operation, CreateModel):
            created.add(operation.name_lower)
        elif getattr(operation, "model_name_lower", "") not in created:
            gentle = isinstance(operation, GENTLE) and not migration.atomic
            assert gentle or not isinstance(operation, FORBIDDEN), operation.describe()


@pytest.mark.parametrize("migration", MIGRATIONS, ids=str)
def test_the_release_before_may_insert_without_a_new_column(migration: Migration) -> None:
    for operation in list_operations(migration):
        if isinstance(operation, AddField):
            field = operation.field
            assert field.null or field.db_default is not NOT_PROVIDED, operation.describe()


@pytest.mark.parametrize("migration", MIGRATIONS, ids=str)
def test_a_migration_locks_one_table_at_a_time(migration: Migration) -> None:
    """Two in one transaction would wait for each other with a request that takes both."""
    operations = list(list_operations(migration))
    models = {getattr(each, "model_name_lower", "") for each in operations} - {""}
    assert not migration.atomic or len(models) <= 1
    for operation in operations:
        if isinstance(operation, RunSQL) and "INDEX" in str(operation.sql).upper():
            assert re.search(r"INDEX CONCURRENTLY", str(operation.sql), re.IGNORECASE)
