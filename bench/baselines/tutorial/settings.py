"""Settings of the tutorial: where the mails go."""

from bench.baselines import django_options

SECRET_KEY = django_options.SECRET
EMAIL_HOST = "127.0.0.1"
EMAIL_PORT = django_options.read_email_port()
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
