"""The private servers with TLS and without any plain port; they want a certificate of clients."""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import redis
from kombu import Connection

from deploy.local.servers import Postgres, RabbitMQ, Redis
from notifier.tls_options import read_broker_address
from tests.security.tls_certificates import Authority, Certificate

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Whom the servers' clients trust, and what they show."""

    authority: Path
    client: Certificate | None

    @property
    def of_libpq(self) -> str:
        shown = f"&sslcert={self.client.path}&sslkey={self.client.key}" if self.client else ""
        return f"?sslmode=verify-full&sslrootcert={self.authority}{shown}"

    @property
    def of_others(self) -> str:
        client = self.client
        shown = f"&ssl_certfile={client.path}&ssl_keyfile={client.key}" if client else ""
        return f"?ssl_ca_certs={self.authority}{shown}"


class TlsPostgres(Postgres):
    """PostgreSQL that takes a client with a certificate of its authority, over TLS, alone."""

    def show(self, certificate: Certificate, *, trusting: Authority, files: TlsFiles) -> None:
        """Say what to show and whom to trust; before start()."""
        self._shown, self._trusted, self._files = certificate, trusting.path, files

    def build_url(self, database: str, *, host: str = HOST, files: TlsFiles | None = None) -> str:
        options = (files or self._files).of_libpq
        return f"postgres://notifier@{host}:{self.port}/{database}{options}"

    def prepare(self) -> None:
        super().prepare()
        self._copy_files()
        rule = "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n"
        (self.data / "pg_hba.conf").write_text(rule)

    def build_command(self) -> list[str | Path]:
        names = ("ssl_cert_file=server.pem", "ssl_key_file=server.key", "ssl_ca_file=ca.pem")
        return [*super().build_command(), "-c", "ssl=on", *(w for n in names for w in ("-c", n))]

    def change_certificate(self, certificate: Certificate) -> None:
        self._shown = certificate
        self._copy_files()
        os.kill(self.pid or 0, signal.SIGHUP)

    def _copy_files(self) -> None:
        wanted = {"server.pem": self._shown.path, "server.key": self._shown.key}
        for name, source in (wanted | {"ca.pem": self._trusted}).items():
            copy = self.data / name
            copy.unlink(missing_ok=True)
            copy.touch(mode=0o600)
            copy.write_bytes(source.read_bytes())
            if user := self.choose_user():
                shutil.chown(copy, user, user)


class TlsRabbitMQ(RabbitMQ):
    """RabbitMQ that listens with TLS alone."""

    def show(self, certificate: Certificate, *, trusting: Authority, files: TlsFiles) -> None:
        """Say what to show and whom to trust; before start()."""
        self._shown, self._trusted, self._files = certificate, trusting.path, files

    @property
    def url(self) -> str:
        return self.build_url()

    def build_url(self, *, host: str = HOST, files: TlsFiles | None = None) -> str:
        return f"amqps://guest:guest@{host}:{self.port}//{(files or self._files).of_others}"

    def prepare(self) -> None:
        super().prepare()
        self._copy_files()
        (self.folder / "rabbitmq.conf").write_text(
            "listeners.tcp = none\n"
            f"listeners.ssl.1 = {HOST}:{self.port}\n"
            f"ssl_options.cacertfile = {self._trusted}\n"
            f"ssl_options.certfile = {self.folder}/server.pem\n"
            f"ssl_options.keyfile = {self.folder}/server.key\n"
            "ssl_options.verify = verify_peer\n"
            "ssl_options.fail_if_no_peer_cert = true\n"
            f"management.tcp.ip = {HOST}\n"
            f"management.tcp.port = {self.management_port}\n"
        )

    def answers(self) -> bool:
        address = read_broker_address(self.url)
        with Connection(address.url, ssl=address.tls, connect_timeout=2) as connection:
            try:
                connection.connect()
            except OSError:
                return False
        return True

    def change_certificate(self, certificate: Certificate) -> None:
        """Show another one from now on, to those that come back, too: everybody is sent away."""
        self._shown = certificate
        self._copy_files()
        leave = 'rabbit_networking:close_all_connections("certificate")'
        self.ctl("eval", f"ssl:clear_pem_cache(), {leave}.")

    def _copy_files(self) -> None:
        shutil.copy(self._shown.path, self.folder / "server.pem")
        shutil.copy(self._shown.key, self.folder / "server.key")


class TlsRedis(Redis):
    """Redis that listens with TLS alone."""

    def show(self, certificate: Certificate, *, trusting: Authority, files: TlsFiles) -> None:
        """Say what to show and whom to trust; before start()."""
        self._shown, self._trusted, self._files = certificate, trusting.path, files

    @property
    def url(self) -> str:
        return self.build_url()

    def build_url(self, *, host: str = HOST, files: TlsFiles | None = None) -> str:
        return f"rediss://{host}:{self.port}/0{(files or self._files).of_others}"

    def build_command(self) -> list[str | Path]:
        program, *_ = super().build_command()
        shown = self._shown
        files: list[str | Path] = ["--tls-cert-file", shown.path, "--tls-key-file", shown.key]
        trust: list[str | Path] = ["--tls-ca-cert-file", self._trusted]
        places = ["--bind", HOST, "--port", "0", "--tls-port", str(self.port)]
        return [program, *places, *files, *trust, "--save", "", "--dir", self.folder]

    def answers(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def change_certificate(self, certificate: Certificate) -> None:
        # Whatever it shows at present.
        with redis.Redis.from_url(f"{self.url}&ssl_cert_reqs=none") as client:
            client.execute_command(
                "CONFIG",
                "SET",
                *("tls-cert-file", str(certificate.path)),
                *("tls-key-file", str(certificate.key)),
            )
        self._shown = certificate
