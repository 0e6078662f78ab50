"""The admin's pages for who there is, and for what everybody did."""

from apps.users.admin import access, audit, organizations, people

__all__ = ["access", "audit", "organizations", "people"]
