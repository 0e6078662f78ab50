"""The WSGI application that granian (or any other server) runs."""

import os

import django
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from notifier.api.quick_handler import QuickHandler  # noqa: E402  # needs the apps
from notifier.garbage import spare_loaded  # noqa: E402

application = QuickHandler()
_ = get_resolver().url_patterns  # what the first request would load
spare_loaded()
