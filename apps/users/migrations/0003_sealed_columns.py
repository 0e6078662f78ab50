"""Room for sealed values: names, addresses and device tokens."""

from django.db import migrations

import apps.users.models.validators
import django.core.validators
from notifier.encrypted_fields import EncryptedTextField


class Migration(migrations.Migration):
    dependencies = [("users", "0002_rotation"), ("notifier", "0003_lasting_key")]

    operations = [
        migrations.AlterField("user", "email", EncryptedTextField(max_length=254)),
        migrations.AlterField(
            "user",
            "name",
            EncryptedTextField(
                max_length=200, validators=[apps.users.models.validators.check_name]
            ),
        ),
        migrations.AlterField(
            "device",
            "token",
            EncryptedTextField(
                max_length=4096,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[\\x21-\\x7e]{8,4096}\\Z",
                        "8 to 4096 printable ASCII characters without spaces",
                    )
                ],
            ),
        ),
    ]
