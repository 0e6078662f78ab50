"""Fewer indexes on the busiest table: those go that repeat others or that nobody uses."""

from django.db import migrations, models
from django.db.models import deletion

from notifier.index_migrations import AddIndexCalmly, ChangePlainIndex


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL builds and drops indexes beside writers only outside of one

    dependencies = [("notifications", "0008_traceparent")]

    operations = [
        AddIndexCalmly(
            "notification",
            models.Index(
                condition=models.Q(("batch__isnull", False)),
                fields=["batch"],
                name="notification_of_batch",
            ),
        ),
        ChangePlainIndex(
            "notification",
            "batch",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=deletion.SET_NULL,
                related_name="notifications",
                to="notifications.batch",
            ),
        ),
        ChangePlainIndex(
            "notification",
            "organization",
            models.ForeignKey(
                db_index=False,
                on_delete=deletion.PROTECT,
                related_name="+",
                to="notifier.organization",
            ),
        ),
        ChangePlainIndex(
            "notification",
            "template_version",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=deletion.PROTECT,
                related_name="+",
                to="templates.templateversion",
            ),
        ),
        ChangePlainIndex(
            "notification",
            "user",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=deletion.SET_NULL,
                related_name="+",
                to="users.user",
            ),
        ),
    ]
