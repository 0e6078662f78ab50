"""What can be done with templates: keep them, version them, publish, find and render them."""

from apps.templates.services.catalogue import (
    create_template,
    delete_template,
    list_templates,
    update_template,
)
from apps.templates.services.comparing import PartDiff, compare_contents
from apps.templates.services.content import NewVersion, require_plain_variables
from apps.templates.services.drafts import Draft, examine_draft
from apps.templates.services.known_templates import ShownTemplate, recall_template
from apps.templates.services.ledger import (
    Trial,
    TrialAnswer,
    VersionUsage,
    connect_ledger,
    count_usage,
    send_trial,
)
from apps.templates.services.live_versions import load_published
from apps.templates.services.lookup import get_template
from apps.templates.services.publishing import (
    PublishedVersions,
    find_published,
    publish_version,
)
from apps.templates.services.render import (
    preview_template,
    render_version,
    require_renderable,
    require_variables,
)
from apps.templates.services.versions import add_version, get_version, list_versions

__all__ = [
    "Draft",
    "NewVersion",
    "PartDiff",
    "PublishedVersions",
    "ShownTemplate",
    "Trial",
    "TrialAnswer",
    "VersionUsage",
    "add_version",
    "compare_contents",
    "connect_ledger",
    "count_usage",
    "create_template",
    "delete_template",
    "examine_draft",
    "find_published",
    "get_template",
    "get_version",
    "list_templates",
    "list_versions",
    "load_published",
    "preview_template",
    "publish_version",
    "recall_template",
    "render_version",
    "require_plain_variables",
    "require_renderable",
    "require_variables",
    "send_trial",
    "update_template",
]
