"""The key behind indexes and links, made once."""

from django.db import migrations, models

import notifier.encrypted_fields
from notifier.encryption_lasting import create_lasting_key


def make_key(apps, schema_editor):
    create_lasting_key()


class Migration(migrations.Migration):
    dependencies = [("notifier", "0002_audit_log")]

    operations = [
        migrations.CreateModel(
            name="LastingKey",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("wrapped", notifier.encrypted_fields.EncryptedTextField()),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.RunPython(make_key, migrations.RunPython.noop),
    ]
