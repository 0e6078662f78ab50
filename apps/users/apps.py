"""The users app: it tells the kernel how credentials become callers."""

from django.apps import AppConfig

from notifier.authentication import set_authenticators, set_recallers


class UsersConfig(AppConfig):
    name = "apps.users"
    verbose_name = "People"  # as the admin's menu calls it
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now: the services need the models, which need the app.
        from apps.users.services import authenticate_bearer, authenticate_key
        from apps.users.services.remembering import recall_bearer, recall_key

        set_authenticators(bearer=authenticate_bearer, api_key=authenticate_key)
        set_recallers(bearer=recall_bearer, api_key=recall_key)
