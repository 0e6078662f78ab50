"""Room for sealed values: captured messages, and headers of foreign ones."""

from django.db import migrations

from notifier.encrypted_fields import EncryptedJSONField, EncryptedTextField


class Migration(migrations.Migration):
    dependencies = [("delivery", "0002_circuit_breaker_page"), ("notifier", "0003_lasting_key")]

    operations = [
        migrations.AlterField("capturedmessage", "message", EncryptedJSONField()),
        migrations.AlterField("capturedmessage", "recipient", EncryptedTextField()),
        migrations.AlterField("capturedmessage", "title", EncryptedTextField(blank=True)),
        migrations.AlterField("deadmessage", "headers", EncryptedJSONField(default=dict)),
    ]
