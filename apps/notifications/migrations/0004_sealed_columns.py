"""Room for sealed values and the indexes that find them."""

from django.db import migrations, models

from notifier.encrypted_fields import EncryptedJSONField, EncryptedTextField

INDEX = {"editable": False, "max_length": 22}


class Migration(migrations.Migration):
    dependencies = [("notifications", "0003_lanes"), ("notifier", "0003_lasting_key")]

    operations = [
        migrations.RemoveConstraint("suppression", "suppression_once"),
        migrations.AddField(
            "notification", "recipient_index", models.CharField(blank=True, default="", **INDEX)
        ),
        migrations.AddField(
            "suppression", "address_index", models.CharField(default="", **INDEX)
        ),
        migrations.AlterField("batch", "answer", EncryptedJSONField(default=dict)),
        migrations.AlterField(
            "notification", "content", EncryptedJSONField(blank=True, null=True)
        ),
        migrations.AlterField(
            "notification", "metadata", EncryptedJSONField(blank=True, default=dict)
        ),
        migrations.AlterField("notification", "recipient", EncryptedTextField(blank=True)),
        migrations.AlterField(
            "notification", "variables", EncryptedJSONField(blank=True, default=dict)
        ),
        migrations.AlterField("suppression", "address", EncryptedTextField(max_length=1016)),
        migrations.AlterField(
            "suppression", "note", EncryptedTextField(blank=True, max_length=500)
        ),
    ]
