"""The ground that benchmarks run on: private servers with default durability."""

import base64
import http.client
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from bench.crew import Crew
from deploy.local.errors import CannotRun
from deploy.local.role_process import end_leftover_roles
from deploy.local.servers import Postgres, RabbitMQ, Redis


@dataclass(kw_only=True)
class Ground:
    """Servers, and a fresh database and broker on them for each variant."""

    folder: Path
    postgres: Postgres
    rabbitmq: RabbitMQ
    redis: Redis

    @classmethod
    def lay(cls, folder: Path) -> "Ground":
        """Return a ground in `folder`, nothing of it running yet."""
        return cls(
            folder=folder,
            postgres=Postgres(folder / "postgres"),
            rabbitmq=RabbitMQ(folder / "rabbitmq"),
            redis=Redis(folder / "redis"),
        )

    @property
    def pids_folder(self) -> Path:
        return self.folder / "pids"

    def start(self) -> None:
        end_leftover_roles(self.pids_folder)
        for server in (self.postgres, self.rabbitmq, self.redis):
            server.start()

    def clear(self) -> None:
        """End the servers and delete what they kept: the next run begins with nothing."""
        self.redis.kill()
        self.rabbitmq.kill()  # its orderly stop takes six seconds
        self.rabbitmq.stop()  # and its port mapper
        self.postgres.kill()
        self.postgres.remove()

    def list_pids(self) -> dict[str, int]:
        """Return the servers' pids by the names that the tables use."""
        servers = {"postgres": self.postgres, "rabbitmq": self.rabbitmq, "redis": self.redis}
        return {name: server.pid for name, server in servers.items() if server.pid}

    def make_crew(self) -> Crew:
        """Return an empty crew; nothing that an earlier one left behind shares its ports."""
        left = end_leftover_roles(self.pids_folder)
        if left:
            raise CannotRun(f"{', '.join(left)} outlived its variant: its figures are worthless")
        return Crew(self.pids_folder)

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.postgres.build_url(database), autocommit=True)

    def renew_database(self, name: str, *, template: str = "template0") -> str:
        """Drop and create a database and return its URL."""
        with self.connect("postgres") as connection:
            names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names)
            )
            create = sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names)
            connection.execute(create)
        return self.postgres.build_url(name)

    def renew_broker(self, name: str) -> str:
        """Make an empty virtual host and return its URL."""
        self._manage("DELETE", f"/api/vhosts/{name}", accept={204, 404})
        self._manage("PUT", f"/api/vhosts/{name}", accept={201, 204})
        rights = '{"configure":".*","write":".*","read":".*"}'
        self._manage("PUT", f"/api/permissions/{name}/guest", rights, accept={201, 204})
        return f"amqp://guest:guest@127.0.0.1:{self.rabbitmq.port}/{name}"

    def _manage(self, method: str, path: str, body: str = "", *, accept: set[int]) -> None:
        login = base64.b64encode(b"guest:guest").decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.rabbitmq.management_port, timeout=60
        )
        try:
            connection.request(method, path, body or None, headers)
            status = connection.getresponse().status
        finally:
            connection.close()
        if status not in accept:
            raise CannotRun(f"RabbitMQ answered {method} {path} with {status}")

    def empty_cache(self) -> str:
        """Empty Redis and return its URL."""
        with redis.Redis(host="127.0.0.1", port=self.redis.port) as client:
            client.flushall()
        return self.redis.url

    def settle(self) -> None:
        """Write out what earlier work left in memory, so that nobody pays for another's."""
        with self.connect("postgres") as connection:
            connection.execute("CHECKPOINT")
