"""The delivery app."""

from django.apps import AppConfig

from notifier.personal_data import Keeper, register_keeper


class DeliveryConfig(AppConfig):
    name = "apps.delivery"
    verbose_name = "Operations"  # as the admin's menu calls it
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now: the services need the models, which need the app.
        from apps.delivery.services.personal import erase_captured, export_captured

        register_keeper("delivery", Keeper(erase=erase_captured, export=export_captured))
