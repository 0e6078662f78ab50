"""Routes of the users app, below /api/v1."""

from django.urls import URLPattern

from apps.users.api.views import api_keys, auth, devices, users
from notifier.api.routes import route

_USER = "users/<uuid:user_id>"

urlpatterns: list[URLPattern] = [
    *route("auth/register", auth.RegisterView.as_view(), "register"),
    *route("auth/login", auth.LoginView.as_view(), "login"),
    *route("auth/refresh", auth.RefreshView.as_view(), "refresh"),
    *route("auth/logout", auth.LogoutView.as_view(), "logout"),
    *route("auth/validate", auth.ValidateView.as_view(), "validate-credentials"),
    *route("users", users.UsersView.as_view(), "users"),
    *route("users/create-account", users.CreateAccountView.as_view(), "create-account"),
    *route("users/me", users.MeView.as_view(), "me"),
    *route("users/email/<str:email>", users.UserByEmailView.as_view(), "user-by-email"),
    *route(_USER, users.UserView.as_view(), "user"),
    *route(f"{_USER}/export", users.ExportView.as_view(), "export-user"),
    *route(f"{_USER}/preferences", users.PreferencesView.as_view(), "preferences"),
    *route(f"{_USER}/devices", devices.DevicesView.as_view(), "devices"),
    *route(f"{_USER}/devices/<uuid:device_id>", devices.DeviceView.as_view(), "device"),
    *route("api-keys", api_keys.ApiKeysView.as_view(), "api-keys"),
    *route("api-keys/<uuid:key_id>", api_keys.ApiKeyView.as_view(), "api-key"),
    *route("api-keys/<uuid:key_id>/rotate", api_keys.RotateApiKeyView.as_view(), "rotate-api-key"),
]
