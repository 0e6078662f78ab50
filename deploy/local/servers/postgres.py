"""A private PostgreSQL."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql

from deploy.local.errors import CannotRun
from deploy.local.packages import find_postgres
from deploy.local.private_server import PrivateServer

OWNER = "notifier"
DATABASE = "notifier"
# PostgreSQL refuses to run as root; Debian's package brings this user.
SYSTEM_USER = "postgres"
NOT_DURABLE = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


class Postgres(PrivateServer):
    """PostgreSQL with the database `notifier` of the superuser `notifier`, open to 127.0.0.1.

    `durable=False` trades safety against the machine's crash for speed; a SIGKILL loses nothing
    either way.
    """

    title: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast: does not wait for clients

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(folder, port=port)
        self._durable = durable

    @property
    def url(self) -> str:
        return self.build_url(DATABASE)

    def build_url(self, database: str) -> str:
        return f"postgres://{OWNER}@127.0.0.1:{self.port}/{database}"

    @property
    def data(self) -> Path:
        """Where the data is: in the server's folder, or where its note says (see _find_home)."""
        note = self.folder / "moved-to"
        return (Path(note.read_text()) if note.exists() else self.folder) / "data"

    def choose_user(self) -> str | None:
        return SYSTEM_USER if os.geteuid() == 0 else None

    def prepare(self) -> None:
        if not self.data.exists():
            self._initialise(self._find_home())

    def _find_home(self) -> Path:
        """Return a folder that the server's user owns and may enter.

        Folders below /root, or below pytest's, are closed to `postgres`; then the data goes below
        that user's home, and a note in our folder says where.
        """
        if self.choose_user() is None:
            return self.folder
        shutil.chown(self.folder, SYSTEM_USER, SYSTEM_USER)
        if _may_enter(self.folder):
            return self.folder
        home = Path(tempfile.mkdtemp(prefix="notifier-", dir=pwd.getpwnam(SYSTEM_USER).pw_dir))
        shutil.chown(home, SYSTEM_USER, SYSTEM_USER)
        (self.folder / "moved-to").write_text(str(home))
        return home

    def _initialise(self, home: Path) -> None:
        unfinished = home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-locale"]
        options += [] if self._durable else ["--no-sync"]
        done = subprocess.run(  # noqa: S603 - constant program, no shell
            [_find_programs() / "initdb", "-D", unfinished, *options],
            cwd=home,
            user=self.choose_user(),
            group=self.choose_user(),
            extra_groups=[] if self.choose_user() else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotRun(f"PostgreSQL's initdb failed:\n{done.stdout}{done.stderr}")
        unfinished.rename(home / "data")  # only whole data is ever called data

    def build_command(self) -> list[str | Path]:
        where = ["-p", str(self.port), "-h", "127.0.0.1", "-c", "unix_socket_directories="]
        settings = ["-c", "max_connections=200", *([] if self._durable else NOT_DURABLE)]
        return [_find_programs() / "postgres", "-D", self.data, *where, *settings]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.build_url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> bool:
        fresh = super().start()
        self.create_database(DATABASE)
        return fresh

    def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        with psycopg.connect(self.build_url("postgres"), autocommit=True) as connection:
            exists = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(exists, [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def remove(self) -> None:
        """Stop it and delete its data, wherever that is."""
        self.stop()
        note = self.folder / "moved-to"
        shutil.rmtree(self.data.parent if note.exists() else self.data, ignore_errors=True)
        note.unlink(missing_ok=True)


def _find_programs() -> Path:
    programs = find_postgres()
    if programs is None:
        raise CannotRun("PostgreSQL is not installed")
    return programs


def _may_enter(folder: Path) -> bool:
    user = pwd.getpwnam(SYSTEM_USER)
    test = subprocess.run(  # noqa: S603 - constant program, no shell
        ["/usr/bin/test", "-w", folder],
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        check=False,
        cwd="/",
    )
    return test.returncode == 0
