"""A private RabbitMQ with an Erlang port mapper of its own."""

import os
import secrets
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import amqp

from deploy.local.errors import CannotRun
from deploy.local.packages import find_rabbitmq
from deploy.local.ports import is_free_port
from deploy.local.private_server import PrivateServer

# One scheduler that never spins: a broker for one developer should not heat the machine. And the
# port between nodes, which Erlang opens to everybody, only on 127.0.0.1.
ERLANG_OPTIONS = (
    "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
)


class RabbitMQ(PrivateServer):
    """RabbitMQ (user guest) with its management API on `management_port`.

    Own node name, cookie, distribution port and port mapper (epmd): instances that share an epmd
    find each other and quarrel about names.
    """

    title: ClassVar[str] = "RabbitMQ"
    port_names: ClassVar[tuple[str, ...]] = ("port", "management", "distribution", "epmd")
    start_limit: ClassVar[float] = 120

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def management_port(self) -> int:
        return self.ports["management"]

    @property
    def node(self) -> str:
        return f"notifier{self.port}@localhost"

    def build_environment(self) -> dict[str, str]:
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))
        }
        return {
            **inherited,
            "HOME": str(self.folder),  # where Erlang looks for the cookie
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The start script then becomes the Erlang machine, instead of a shell that answers
            # SIGTERM with six seconds of rabbitmqctl.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.ports["distribution"]),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_OPTIONS,
            **self._list_own_paths(),
        }

    def _list_own_paths(self) -> dict[str, str]:
        names = {
            "RABBITMQ_BASE": ".",
            "RABBITMQ_MNESIA_BASE": "mnesia",
            "RABBITMQ_LOG_BASE": "log",
            "RABBITMQ_CONFIG_FILE": "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "enabled_plugins",
            "RABBITMQ_CONF_ENV_FILE": "rabbitmq-env.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "advanced.config",
            "RABBITMQ_GENERATED_CONFIG_DIR": "generated",
            "RABBITMQ_FEATURE_FLAGS_FILE": "feature_flags",
            "RABBITMQ_PID_FILE": "rabbitmq.pid",
        }
        return {variable: str(self.folder / name) for variable, name in names.items()}

    def prepare(self) -> None:
        self._write_cookie()
        (self.folder / "rabbitmq-env.conf").write_text("")
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self.management_port}\n"
        )

    def _write_cookie(self) -> None:
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(16))

    def build_command(self) -> list[str | Path]:
        return [_find_program("rabbitmq-server")]

    def answers(self) -> bool:
        connection = amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=2, read_timeout=2)
        try:
            connection.connect()
            connection.close()
        except (OSError, amqp.AMQPError):
            return False
        return True

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on this node and return what it printed; CannotRun when it fails."""
        done = subprocess.run(  # noqa: S603 - the package's own program, no shell
            [_find_program("rabbitmqctl"), "-n", self.node, *arguments],
            env=self.build_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotRun(f"rabbitmqctl {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> bool:
        if not self.is_running():
            self._stop_port_mapper()  # one that a killed server left would hold its port
        return super().start()

    def stop(self) -> None:
        super().stop()
        self._stop_port_mapper()

    def _stop_port_mapper(self) -> None:
        """End epmd, a daemon that the server starts and never stops.

        It refuses while it believes that the node lives, so it may take more than one request.
        """
        deadline = time.monotonic() + 3
        while not is_free_port(self.ports["epmd"]) and time.monotonic() < deadline:
            self._ask_port_mapper_to_end()
            time.sleep(0.05)

    def _ask_port_mapper_to_end(self) -> None:
        subprocess.run(  # noqa: S603 - constant program, no shell
            ["epmd", "-port", str(self.ports["epmd"]), "-kill"],  # noqa: S607 - found by PATH
            env=self.build_environment(),
            capture_output=True,
            check=False,  # a refusal is met by asking again
        )


def _find_program(name: str) -> Path:
    programs = find_rabbitmq()
    if programs is None:
        raise CannotRun("RabbitMQ is not installed")
    return programs / name
