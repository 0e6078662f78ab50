"""The index of what is due: one range for each organization and priority, its lane."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_suppression")]

    operations = [
        migrations.RemoveIndex(model_name="notification", name="notification_due"),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                fields=["channel", "organization", "priority", "due_at"],
                condition=models.Q(status="pending"),
                name="notification_lanes",
            ),
        ),
    ]
