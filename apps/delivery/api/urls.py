"""Routes of the delivery app: pages at the top, the rest below /api/v1."""

from typing import Any

from django.urls import URLPattern, path

from apps.delivery.api.breakers import BreakerListView, ResetBreakerView
from apps.delivery.api.health import GatewayHealthView, HealthView, LiveView, ReadyView
from apps.delivery.api.metrics import show_metrics
from apps.delivery.api.pages import (
    clear_inbox,
    open_home,
    show_arrivals,
    show_inbox,
    show_mail_html,
    show_message,
)
from apps.delivery.api.unsubscribe import show_unsubscribe
from apps.delivery.api.webhooks import WebhookView
from notifier.api.routes import route

_HEALTH_VIEWS: dict[str, Any] = {
    "health": HealthView,
    "live": LiveView,
    "ready": ReadyView,
    "gateway-health": GatewayHealthView,
}

urlpatterns: list[URLPattern] = [
    *(each for name, view in _HEALTH_VIEWS.items() for each in route(name, view.as_view(), name)),
    *route("breakers", BreakerListView.as_view(), "breakers"),
    *route("breakers/<str:provider>/reset", ResetBreakerView.as_view(), "reset-breaker"),
    *route("webhooks/<str:provider>", WebhookView.as_view(), "webhook"),
]
page_routes: list[URLPattern] = [
    path("", open_home, name="home"),
    *route("inbox", show_inbox, "inbox"),
    *route("inbox/messages", show_arrivals, "inbox-arrivals"),
    *route("inbox/messages/<uuid:message_id>", show_message, "inbox-message"),
    *route("inbox/messages/<uuid:message_id>/html", show_mail_html, "inbox-html"),
    *route("inbox/clear", clear_inbox, "inbox-clear"),
    *route("unsubscribe/<str:token>", show_unsubscribe, "unsubscribe"),
    *route("metrics", show_metrics, "metrics"),
    # The same below no version, for orchestrators; the schema has them once.
    *(
        each
        for name, view in _HEALTH_VIEWS.items()
        for each in route(name, view.as_view(schema=None), f"bare-{name}")
    ),
]
