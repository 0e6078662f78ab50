"""What the audit log is told of templates."""

from apps.templates.models import Template
from notifier.audit import Changes, record_change


def record_template_change(
    *, template: Template, verb: str, changes: Changes | None = None
) -> None:
    """Record a change under the template's code, which is what everybody calls it by."""
    record_change(
        action=f"template.{verb}",
        object_type="template",
        object_id=template.code,
        organization_id=template.organization_id,
        changes=changes,
    )
