"""Every route: the API, its schema and docs, health and metrics, the admin, the inbox."""

from django.contrib import admin
from django.urls import include, path

from apps.delivery.api.urls import page_routes
from apps.delivery.api.urls import urlpatterns as delivery_routes
from apps.notifications.api.urls import urlpatterns as notification_routes
from apps.templates.api.urls import urlpatterns as template_routes
from apps.users.api.urls import urlpatterns as user_routes
from notifier.api.audit_log import audit_routes
from notifier.api.documentation import DocsView, SchemaView
from notifier.api.routes import route

api_routes = [
    *notification_routes,  # first, because each pattern before the right one is tried
    *user_routes,
    *template_routes,
    *delivery_routes,
    *audit_routes,
]

urlpatterns = [
    path("api/v1/", include(api_routes)),
    *route("api/schema", SchemaView.as_view(), "schema"),
    *route("api/docs", DocsView.as_view(url_name="schema"), "docs"),
    path("admin/", admin.site.urls),
    *page_routes,
]

handler400 = "notifier.api.errors.handle_400"
handler403 = "notifier.api.errors.handle_403"
handler404 = "notifier.api.errors.handle_404"
handler500 = "notifier.api.errors.handle_500"
