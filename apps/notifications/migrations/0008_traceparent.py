"""Where the trace of a notification goes on; a default of the database, so old code may insert."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0007_hourly_count")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="traceparent",
            field=models.CharField(blank=True, db_default="", default="", max_length=55),
        ),
    ]
