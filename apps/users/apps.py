"""The users app: it tells the kernel how credentials become callers."""

from django.apps import AppConfig

from notifier.authentication import set_authenticators


class UsersConfig(AppConfig):
    name = "apps.users"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Only now: the services need the models, which need the app.
        from apps.users.services import authenticate_bearer, authenticate_key

        set_authenticators(bearer=authenticate_bearer, api_key=authenticate_key)
