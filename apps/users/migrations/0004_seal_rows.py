"""Seal what is stored, in batches; it may be interrupted and begun again."""

from django.db import migrations

from notifier.encryption_lasting import blind_index
from notifier.encryption_rows import open_rows, seal_rows


def seal_all(apps, schema_editor):
    seal_rows(
        apps.get_model("users", "User"),
        also=["email_key"],
        derive=lambda row, plain: (
            {"email_key": blind_index(row["email_key"])} if "email" in plain else {}
        ),
    )
    seal_rows(
        apps.get_model("users", "Device"),
        also=["token_digest"],
        derive=lambda row, plain: (
            {"token_digest": blind_index(plain["token"])} if "token" in plain else {}
        ),
    )


def open_all(apps, schema_editor):
    from apps.users.models import digest_secret, email_key

    open_rows(
        apps.get_model("users", "User"),
        also=["email_key"],
        derive=lambda row, plain: (
            {"email_key": email_key(plain["email"])} if "email" in plain else {}
        ),
    )
    open_rows(
        apps.get_model("users", "Device"),
        also=["token_digest"],
        derive=lambda row, plain: (
            {"token_digest": digest_secret(plain["token"])} if "token" in plain else {}
        ),
    )


class Migration(migrations.Migration):
    atomic = False  # each batch is a transaction of its own
    dependencies = [("users", "0003_sealed_columns")]

    operations = [migrations.RunPython(seal_all, open_all)]
