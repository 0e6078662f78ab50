"""The stand-ins as processes that a test starts, asks and misdirects."""

import base64
import http.client
import json
import os
import sys
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any, ClassVar

from deploy.local.private_server import PrivateServer
from tests.standins.journal import read_journal

PROJECT = Path(__file__).parents[2]


class StandinProcess(PrivateServer):
    """A stand-in in a process of its own: start, stop, kill, pause, resume as for any server.

    What it received outlives it; its ports stay the same through restarts.
    """

    module: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("port", "control")
    start_limit: ClassVar[float] = 20
    stop_limit: ClassVar[float] = 5

    @property
    def journal(self) -> Path:
        return self.folder / "messages.jsonl"

    def build_command(self) -> list[str | Path]:
        ports = ["--port", str(self.port), "--control", str(self.ports["control"])]
        return [sys.executable, "-m", self.module, *ports, "--log", self.journal]

    def build_environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(PROJECT)}

    def answers(self) -> bool:
        try:
            self.get_stats()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def messages(self, *, kind: str = "", outcome: str = "") -> list[dict[str, Any]]:
        """Return what it received, oldest first; "" takes every kind and outcome."""
        return [
            record
            for record in read_journal(self.journal)
            if kind in {"", record["kind"]} and outcome in {"", record["outcome"]}
        ]

    def wait_for_messages(
        self, count: int, *, limit: float, kind: str = "", outcome: str = ""
    ) -> list[dict[str, Any]]:
        """Return the messages once there are `count`; TimeoutError after `limit` seconds."""
        deadline = time.monotonic() + limit
        while len(found := self.messages(kind=kind, outcome=outcome)) < count:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{len(found)} of {count} messages after {limit} s")
            time.sleep(0.02)
        return found

    def behave(self, **wishes: Any) -> None:
        """Change the behaviour to these fields of Behaviour; none: good health again."""
        self._ask("POST", "/behaviour", wishes)

    def reset(self) -> None:
        """Forget everything received, and be in good health."""
        self._ask("POST", "/reset", {})

    def get_stats(self) -> dict[str, int]:
        stats: dict[str, int] = self._ask("GET", "/stats")
        return stats

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        body = None if content is None else json.dumps(content)
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["control"], timeout=5)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(text.decode())
        return json.loads(text)


class SmtpSink(StandinProcess):
    """Kinds: `data` (a message; read_mail() parses it), `rcpt` and `mail` (refused ones only)."""

    title: ClassVar[str] = "SMTP sink"
    module: ClassVar[str] = "tests.standins.smtp_sink"

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        starttls: bool = False,
        tls: bool = False,
        pipelining: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(folder, port=port)
        self._flags = ["--starttls"] * starttls + ["--tls"] * tls
        self._flags += ["--pipelining"] * pipelining
        self._flags += ["--user", login[0], "--password", login[1]] if login else []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """What a client of a sink with TLS must trust; there once the sink was started."""
        return self.folder / "certificate.pem"

    def build_command(self) -> list[str | Path]:
        return [*super().build_command(), "--certificate", self.certificate, *self._flags]


class FcmService(StandinProcess):
    """Kinds: `send`, `token`."""

    title: ClassVar[str] = "FCM stand-in"
    module: ClassVar[str] = "tests.standins.fcm"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class MailApiService(StandinProcess):
    """Kinds: `sendgrid`, `mailgun`, `onesignal`."""

    title: ClassVar[str] = "mail API stand-in"
    module: ClassVar[str] = "tests.standins.mail_api"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class TcpProxy(StandinProcess):
    """Passes on to the port `target`; `behave` takes the fields of tcp_proxy.Faults."""

    title: ClassVar[str] = "TCP proxy"
    module: ClassVar[str] = "tests.standins.tcp_proxy"

    def __init__(self, folder: Path, *, target: int, tls: bool = False) -> None:
        super().__init__(folder)
        self._target = target
        self._tls = tls

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """What a client of a proxy with TLS must trust; there once the proxy was started."""
        return self.folder / "certificate.pem"

    def build_command(self) -> list[str | Path]:
        flags: list[str | Path] = ["--certificate", self.certificate] if self._tls else []
        return [*super().build_command(), "--target", str(self._target), *flags]


def read_mail(record: dict[str, Any]) -> EmailMessage:
    """Parse the message of a `data` record of the SMTP sink."""
    return message_from_bytes(base64.b64decode(record["raw"]), policy=SMTP_POLICY)
