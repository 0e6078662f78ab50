"""What the admin is called, and its menu: every page, grouped by what an operator wants to do."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy

from notifier.configuration import DEVELOPMENT

# The colours of the inbox (indigo), so that both are one product.
PRIMARY = {
    "50": "#eef2ff",
    "100": "#e0e7ff",
    "200": "#c7d2fe",
    "300": "#a5b4fc",
    "400": "#818cf8",
    "500": "#6366f1",
    "600": "#4f46e5",
    "700": "#4338ca",
    "800": "#3730a3",
    "900": "#312e81",
    "950": "#1e1b4b",
}
_COLOURS = {"development": "info", "staging": "warning", "production": "danger"}


def describe_admin(*, environment: str, static_url: str) -> dict[str, Any]:
    """Return unfold's settings."""
    return {
        "SITE_TITLE": "Notifier",
        "SITE_HEADER": "Notifier",
        "SITE_SUBHEADER": "E-mail and push",
        "SITE_SYMBOL": "notifications",
        "SITE_URL": "/inbox/" if environment == DEVELOPMENT else "/admin/",
        "SITE_FAVICONS": [
            {"rel": "icon", "type": "image/svg+xml", "href": f"{static_url}delivery/icon.svg"}
        ],
        # Which installation this is, beside every heading: nobody replays in the wrong one.
        "ENVIRONMENT": lambda _: [environment, _COLOURS.get(environment, "info")],
        "ENVIRONMENT_TITLE_PREFIX": None if environment == "production" else f"[{environment}]",
        "DASHBOARD_CALLBACK": "apps.delivery.admin.dashboard.describe_dashboard",
        "STYLES": [f"{static_url}notifier/admin.css"],
        "COLORS": {"primary": PRIMARY},
        "SHOW_BACK_BUTTON": True,
        "SIDEBAR": {"show_search": False, "navigation": _MENU},
    }


def _needs(*permissions: str) -> Any:
    def is_allowed(request: HttpRequest) -> bool:
        return any(request.user.has_perm(each) for each in permissions)

    return is_allowed


def _is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def _page(title: str, icon: str, model: str, *permissions: str) -> dict[str, Any]:
    """Describe the list of a model (`app.model`), for those who may see it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": _needs(*(permissions or (f"{app}.view_{name}", f"{app}.change_{name}"))),
    }


def _is_among_notifications(request: HttpRequest) -> bool:
    """The page that sends is below the list, and has its own place in the menu."""
    path, sending = request.path, str(reverse_lazy("admin:notifications_send"))
    return path.startswith(sending.removesuffix("send/")) and path != sending


_MENU: list[dict[str, Any]] = [
    {
        "items": [
            {"title": "Overview", "icon": "monitoring", "link": reverse_lazy("admin:index")},
            {
                "title": "Send",
                "icon": "send",
                "link": reverse_lazy("admin:notifications_send"),
                "permission": _needs("notifications.add_notification"),
            },
        ]
    },
    {
        "title": "Messages",
        "items": [
            _page("Notifications", "mail", "notifications.notification")
            | {"active": _is_among_notifications},
            _page("Dead letters", "report", "notifications.deadletter"),
            _page("Batches", "stacks", "notifications.batch"),
        ],
    },
    {
        "title": "Content",
        "items": [
            _page("Templates", "draft", "templates.template"),
            _page("Versions", "history", "templates.templateversion"),
        ],
    },
    {
        "title": "People",
        "items": [
            _page("Users", "group", "users.user"),
            _page("Devices", "smartphone", "users.device"),
            _page("API keys", "key", "users.apikey"),
            _page("Organizations", "domain", "notifier.organization"),
            _page("Permission groups", "admin_panel_settings", "auth.group"),
        ],
    },
    {
        "title": "Operations",
        "items": [
            _page("Breakers", "electrical_services", "delivery.circuitbreaker"),
            _page("Suppressions", "block", "notifications.suppression"),
            # Nobody can tell whose these are, so no permission is enough.
            _page("Unreadable messages", "heart_broken", "delivery.deadmessage")
            | {"permission": _is_superuser},
            _page("Captured messages", "inbox", "delivery.capturedmessage"),
            _page("Audit log", "policy", "notifier.auditentry"),
        ],
    },
]
