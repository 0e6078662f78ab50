"""The WSGI application of the straightforward app."""

from django.core.wsgi import get_wsgi_application

from bench.baselines.naive.celery_app import app as celery_app

__all__ = ["application", "celery_app"]

celery_app.set_default()
application = get_wsgi_application()
