"""The rows that every test here moves on."""

from tests.integration.transitions.rows import one, organization

__all__ = ["one", "organization"]
