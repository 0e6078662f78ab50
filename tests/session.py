"""A pytest plugin: this run's private servers and their addresses, before Django reads settings.

The servers are started by the fixtures that need them (tests/conftest.py), so a run of unit tests
starts none.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from deploy.local.servers import Postgres, RabbitMQ, Redis

FOLDER = Path(tempfile.mkdtemp(prefix="notifier-tests-"))
FOLDER.chmod(0o755)  # PostgreSQL runs as its own user when the tests run as root
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

POSTGRES = Postgres(FOLDER / "postgres")
RABBITMQ = RabbitMQ(FOLDER / "rabbitmq")
REDIS = Redis(FOLDER / "redis")

os.environ |= {
    "NOTIFIER_ENV": "development",
    "NOTIFIER_VAR_DIR": str(FOLDER / "var"),
    "DATABASE_URL": POSTGRES.url,
    "BROKER_URL": RABBITMQ.url,
    "CACHE_URL": REDIS.url,
    "EMAIL_PROVIDERS": "capture://",
    "PUSH_PROVIDERS": "capture://",
    # All tests are one address and few people; those of the limits set their own.
    "RATE_LIMIT_ANON": "1000000/m",
    "RATE_LIMIT_USER": "1000000/m",
    "RATE_LIMIT_LOGIN": "1000000/m",
    "RATE_LIMIT_RECIPIENT": "1000000/m",
}
