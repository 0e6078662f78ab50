"""Seal what is stored, in batches; it may be interrupted and begun again.

A digest of a request is keyed from here on, because an address can be guessed from a plain one. On
the way back it stays keyed: a `request_id` of before is then answered as one of another request.
"""

from django.db import migrations

from notifier.encryption_lasting import blind_index
from notifier.encryption_rows import open_rows, seal_rows

SHA256_LENGTH = 64


def key_digest(row):
    digest = row["request_digest"]
    return {"request_digest": blind_index(digest)} if len(digest) == SHA256_LENGTH else {}


def index_notification(row, plain):
    from apps.users.models import email_key

    values = key_digest(row)
    if "recipient" in plain:
        recipient = plain["recipient"]
        folded = email_key(recipient) if row["channel"] == "email" else recipient
        values["recipient_index"] = blind_index(folded)
    return values


def seal_all(apps, schema_editor):
    seal_rows(
        apps.get_model("notifications", "Notification"),
        also=["channel", "recipient_index", "request_digest"],
        derive=index_notification,
    )
    seal_rows(
        apps.get_model("notifications", "Batch"),
        also=["request_digest"],
        derive=lambda row, plain: key_digest(row),
    )
    seal_rows(
        apps.get_model("notifications", "Suppression"),
        also=["address_index"],
        derive=lambda row, plain: (
            {"address_index": blind_index(plain["address"])} if "address" in plain else {}
        ),
    )


def open_all(apps, schema_editor):
    for name in ("Notification", "Batch", "Suppression"):
        open_rows(apps.get_model("notifications", name), derive=lambda row, plain: {})


class Migration(migrations.Migration):
    atomic = False  # each batch is a transaction of its own
    dependencies = [("notifications", "0004_sealed_columns")]

    operations = [migrations.RunPython(seal_all, open_all)]
