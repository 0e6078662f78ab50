"""Settings of the floor: nothing but a database, kept and with server-side binding."""

from bench.baselines import django_options

SECRET_KEY = django_options.SECRET
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.baselines.bare.web"
MIDDLEWARE: list[str] = []
DATABASES = {
    "default": django_options.read_database(
        CONN_MAX_AGE=None, OPTIONS={"server_side_binding": True, "prepare_threshold": 1}
    )
}
