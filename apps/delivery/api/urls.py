"""Routes of the delivery app, below /api/v1."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
page_routes: list[URLPattern] = []
