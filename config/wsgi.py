"""The WSGI application that granian (or any other server) runs."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from notifier.api.quick_handler import QuickHandler  # noqa: E402  # needs the apps

application = QuickHandler()
