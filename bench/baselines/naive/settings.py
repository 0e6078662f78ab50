"""Settings of the straightforward app: Django's and Celery's defaults.

BASELINE_KEEP_CONNECTION keeps the database connection between requests (CONN_MAX_AGE=None), the
one thing of the defaults that a first look at a profile changes.
"""

import os

from bench.baselines import django_options

SECRET_KEY = django_options.SECRET
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.baselines.naive.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "bench.baselines.naive",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
_KEPT = {"CONN_MAX_AGE": None} if os.environ.get("BASELINE_KEEP_CONNECTION") else {}
DATABASES = {"default": django_options.read_database(**_KEPT)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Hashing is not what is compared, and the seed makes a thousand people.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 2**20
EMAIL_HOST = "127.0.0.1"
EMAIL_PORT = django_options.read_email_port()
USE_TZ = True
