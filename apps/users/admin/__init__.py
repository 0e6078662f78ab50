"""The admin's pages for who there is, and for what everybody did."""

from apps.users.admin import audit, people

__all__ = ["audit", "people"]
