"""Look-ups by index: recipients, and one suppression for each address and cause."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_seal_rows")]

    operations = [
        migrations.AlterField(
            "suppression", "address_index", models.CharField(editable=False, max_length=22)
        ),
        migrations.AddConstraint(
            "suppression",
            models.UniqueConstraint(
                fields=("organization", "channel", "address_index", "cause"),
                name="suppression_once",
            ),
        ),
        migrations.AddIndex(
            "notification",
            models.Index(
                condition=models.Q(("recipient_index", ""), _negated=True),
                fields=["recipient_index"],
                name="notification_to_recipient",
            ),
        ),
    ]
