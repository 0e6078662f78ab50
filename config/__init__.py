"""What wires everything together: settings, URLs, the Celery app, WSGI. Imported by nothing."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
