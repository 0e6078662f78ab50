"""The routes of the straightforward app."""

from django.urls import path

from bench.baselines.naive import views

urlpatterns = [
    path("notifications", views.NotificationView.as_view()),
    path("notifications/bulk", views.BulkView.as_view()),
]
