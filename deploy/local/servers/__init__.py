"""Private PostgreSQL, RabbitMQ and Redis, for development and for tests."""

from deploy.local.servers.postgres import Postgres
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.redis import Redis

__all__ = ["Postgres", "RabbitMQ", "Redis"]
