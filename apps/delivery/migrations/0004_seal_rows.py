"""Seal what is stored, in batches; it may be interrupted and begun again."""

from django.db import migrations

from notifier.encryption_rows import open_rows, seal_rows


def seal_all(apps, schema_editor):
    for name in ("CapturedMessage", "DeadMessage"):
        seal_rows(apps.get_model("delivery", name), derive=lambda row, plain: {})


def open_all(apps, schema_editor):
    for name in ("CapturedMessage", "DeadMessage"):
        open_rows(apps.get_model("delivery", name), derive=lambda row, plain: {})


class Migration(migrations.Migration):
    atomic = False  # each batch is a transaction of its own
    dependencies = [("delivery", "0003_sealed_columns")]

    operations = [migrations.RunPython(seal_all, open_all)]
