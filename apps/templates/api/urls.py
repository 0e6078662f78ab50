"""Routes of the templates app, below /api/v1."""

from apps.templates.api import views
from notifier.api.routes import route

urlpatterns = [
    *route("templates", views.TemplatesView.as_view(), "templates"),
    # Before the codes, of which `validate` is none.
    *route("templates/validate", views.ValidateContentView.as_view(), "template-validate"),
    *route("templates/<str:code>", views.TemplateView.as_view(), "template"),
    *route("templates/<str:code>/versions", views.VersionsView.as_view(), "template-versions"),
    *route(
        "templates/<str:code>/versions/<int:number>/publish",
        views.PublishView.as_view(),
        "template-publish",
    ),
    *route("templates/<str:code>/preview", views.PreviewView.as_view(), "template-preview"),
]
