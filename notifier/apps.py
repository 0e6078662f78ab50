"""The kernel as a Django application (it owns the tenant table)."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "notifier"
    verbose_name = "Organizations"
    default_auto_field = "django.db.models.BigAutoField"
