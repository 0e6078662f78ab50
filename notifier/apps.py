"""The kernel as a Django application (it owns the tenant table)."""

import structlog
from django.apps import AppConfig
from django.conf import settings

from notifier.configuration import DEVELOPMENT
from notifier.tls_standing import list_unverified

log = structlog.get_logger(__name__)


class KernelConfig(AppConfig):
    name = "notifier"
    verbose_name = "Organizations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if settings.NOTIFIER_ENV != DEVELOPMENT and (found := list_unverified()):
            log.warning("tls_does_not_verify_the_server", options=found)
