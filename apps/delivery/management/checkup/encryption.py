"""The check of the connections to database, broker and cache: encrypted, and to whom."""

from django.conf import settings

from apps.delivery.management.checkup.finding import Finding, passed, warned
from notifier.configuration import DEVELOPMENT
from notifier.tls_standing import list_encrypted, list_unverified


def check_encryption() -> Finding:
    """Plain connections are fine on a private network; those that only look safe are told."""
    unverified = list_unverified()
    if unverified and settings.NOTIFIER_ENV != DEVELOPMENT:
        message = f"the server is not verified with {', '.join(unverified)}"
        return warned("tls", message, mend="docs/tls.md")
    return passed("tls", ", ".join(list_encrypted()) or "not used")
