"""The admin's pages for templates: writing, checking, previewing and publishing versions."""

from apps.templates.admin.templates import TemplateAdmin
from apps.templates.admin.versions import VersionAdmin

__all__ = ["TemplateAdmin", "VersionAdmin"]
