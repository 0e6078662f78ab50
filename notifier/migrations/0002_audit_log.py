"""The audit log, and the triggers that make it append-only."""

import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import notifier.identifiers

# What is younger stays, whoever asks; what is older goes by retention (`manage.py purge`).
POSTGRESQL = """
CREATE FUNCTION notifier_keep_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER notifier_keep_audit_log BEFORE UPDATE OR DELETE ON notifier_auditentry
    FOR EACH ROW EXECUTE FUNCTION notifier_keep_audit_log();
"""
SQLITE = [
    """
    CREATE TRIGGER notifier_keep_audit_log_update BEFORE UPDATE ON notifier_auditentry
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER notifier_keep_audit_log_delete BEFORE DELETE ON notifier_auditentry
    WHEN OLD.at >= datetime('now', '-30 days')
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
]


def add_triggers(apps, schema_editor):
    statements = [POSTGRESQL] if schema_editor.connection.vendor == "postgresql" else SQLITE
    for statement in statements:
        schema_editor.execute(statement, params=None)


def drop_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "DROP TRIGGER notifier_keep_audit_log ON notifier_auditentry;"
            " DROP FUNCTION notifier_keep_audit_log()"
        )
        return
    for name in ("update", "delete"):
        schema_editor.execute(f"DROP TRIGGER notifier_keep_audit_log_{name}")


class Migration(migrations.Migration):

    dependencies = [
        ("notifier", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=notifier.identifiers.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("actor_kind", models.CharField(max_length=10)),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("address", models.CharField(blank=True, max_length=320)),
                ("correlation_id", models.CharField(blank=True, max_length=128)),
                ("action", models.CharField(max_length=50)),
                ("object_type", models.CharField(max_length=30)),
                ("object_id", models.CharField(blank=True, max_length=100)),
                (
                    "changes",
                    models.JSONField(
                        default=dict,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="notifier.organization",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit log",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["organization", "-id"], name="audit_of_organization"),
                    models.Index(fields=["object_id", "-id"], name="audit_of_object"),
                    models.Index(fields=["actor_id", "-id"], name="audit_of_actor"),
                ],
            },
        ),
        migrations.RunPython(add_triggers, drop_triggers),
    ]
