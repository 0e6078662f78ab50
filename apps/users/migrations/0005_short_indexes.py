"""Look-ups by index: 22 characters each."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("users", "0004_seal_rows")]

    operations = [
        migrations.AlterField(
            "user", "email_key", models.CharField(editable=False, max_length=22, unique=True)
        ),
        migrations.AlterField(
            "device", "token_digest", models.CharField(editable=False, max_length=22)
        ),
    ]
