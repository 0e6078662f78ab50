"""The notifications app."""

from django.apps import AppConfig

from notifier.personal_data import Keeper, register_keeper


class NotificationsConfig(AppConfig):
    name = "apps.notifications"
    verbose_name = "Messages"  # as the admin's menu calls it
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now: the services need the models, which need the app.
        from apps.notifications.services.personal import erase_history, export_history
        from apps.notifications.services.template_ledger import TemplateLedger
        from apps.templates.services.ledger import connect_ledger

        connect_ledger(TemplateLedger())
        register_keeper("notifications", Keeper(erase=erase_history, export=export_history))
