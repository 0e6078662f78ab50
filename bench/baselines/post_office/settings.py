"""Settings of django-post_office: its own defaults."""

from bench.baselines import django_options

SECRET_KEY = django_options.SECRET
INSTALLED_APPS = ["django.contrib.contenttypes", "post_office"]
DATABASES = {"default": django_options.read_database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EMAIL_BACKEND = "post_office.EmailBackend"
EMAIL_HOST = "127.0.0.1"
EMAIL_PORT = django_options.read_email_port()
USE_TZ = True
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]
