"""The templates app."""

from django.apps import AppConfig


class TemplatesConfig(AppConfig):
    name = "apps.templates"
    verbose_name = "Content"  # as the admin's menu calls it
    default_auto_field = "django.db.models.BigAutoField"
