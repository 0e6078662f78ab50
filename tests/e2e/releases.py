"""The next release of ourselves, and a release whose roles run beside another's."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import requests
from django.apps import AppConfig, apps

from deploy.local.ports import pick_free_port
from deploy.local.role_process import RoleProcess
from deploy.local.roles import build_roles
from tests.e2e.installation import PROJECT, Installation

STOP_SECONDS = 40.0  # what compose.yaml and the manifests allow
PARTS = ("apps", "notifier", "config")
APPS = ("notifier", "users", "templates", "notifications", "delivery")
# As docs/operations.md asks: the old code may go on writing, and one
# migration takes one table that is in use.
MIGRATION = '''"""What the next release adds."""
from django.db import migrations

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [("{app}", "{last}")]
    operations = [migrations.RunSQL({statement!r})]
'''
# What the next release says in every message, and this one has never heard of.
CHANGES = (
    ("notifier/topology.py", "SCHEMA_VERSION: Final = 1", "SCHEMA_VERSION: Final = 2"),
    (
        "notifier/broker.py",
        '"notification_ids": [',
        '"next_release": {"known": "there alone"}, "notification_ids": [',
    ),
)


def write_next_release(tree: Path) -> Path:
    """Copy our code to `tree`, with a wider table everywhere and messages of the next version."""
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / part, tree / part, ignore=ignored)
    shutil.copy(PROJECT / "manage.py", tree)
    for app in APPS:
        _add_migrations(tree, app)
    for name, old, new in CHANGES:
        text = (tree / name).read_text()
        assert text.count(old) == 1, name
        (tree / name).write_text(text.replace(old, new))
    return tree


def _add_migrations(tree: Path, app: str) -> None:
    config = apps.get_app_config(app)
    folder = tree / Path(config.path).relative_to(PROJECT) / "migrations"
    last = max(path.stem for path in folder.glob("[0-9]*.py"))
    for number, statement in enumerate(_list_statements(config), start=100):
        atomic = "CONCURRENTLY" not in statement
        text = MIGRATION.format(app=app, last=last, atomic=atomic, statement=statement)
        last = f"{number:04}_next"
        (folder / f"{last}.py").write_text(text)


def _list_statements(config: AppConfig) -> list[str]:
    described = [model._meta for model in config.get_models()]  # noqa: SLF001  # documented, for all its underscore
    tables = sorted({each.db_table for each in described if each.managed})
    column = "ADD COLUMN next_release varchar(8) NOT NULL DEFAULT ''"
    statements = [f'ALTER TABLE "{table}" {column}' for table in tables]
    if config.label == "notifications":  # a column that everybody reads changes its type
        widened = "ALTER COLUMN correlation_id TYPE varchar(200)"
        statements.append(f"ALTER TABLE notifications_notification {widened}")
    index = f"{config.label}_next"
    return [*statements, f'CREATE INDEX CONCURRENTLY {index} ON "{tables[0]}" (next_release)']


@dataclass(kw_only=True)
class Release:
    """Roles that run from `tree` on the servers of an installation; `name` begins their lines."""

    installation: Installation
    name: str
    tree: Path
    port: int
    roles: dict[str, RoleProcess]

    @classmethod
    def present(cls, installation: Installation) -> Self:
        """Return the roles of an installation as what they are: those of our own code."""
        roles = installation.roles
        return cls(
            installation=installation, name="", tree=PROJECT, port=installation.port, roles=roles
        )

    @classmethod
    def beside(cls, installation: Installation, *, tree: Path, name: str) -> Self:
        """Return the roles of another tree, which share nothing but the servers."""
        release = cls(
            installation=installation, name=name, tree=tree, port=pick_free_port(), roles={}
        )
        folder = installation.folder / name
        for role in build_roles(environment=release.environment(), var=folder):
            release.roles[role.name] = RoleProcess(
                role,
                environment=release.environment(),
                folder=folder / "pids",
                emit=partial(installation.keep_line, f"{name}{role.name}"),
                working_directory=tree,
            )
        return release

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {**self.installation.environment(), "PORT": str(self.port)}

    def start(self, *names: str) -> None:
        for name in names:
            self.roles[name].start()

    def stop(self, *names: str) -> None:
        """Tell roles to end, all at once, and wait until they have, as long as they may take."""
        for name in names:
            self.roles[name].terminate()
        late = [name for name in names if not self.roles[name].wait(limit=STOP_SECONDS)]
        codes = {name: self.roles[name].kill() for name in names}
        assert (late, set(codes.values())) == ([], {0}), codes

    def kill(self) -> None:
        for role in self.roles.values():
            role.kill()

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/ready", timeout=2).ok
        except requests.RequestException:
            return False

    def count_calls(self, role: str) -> int:
        """Return how often this role has called a provider, by its log."""
        begin = f"{self.name}{role}: "
        lines = list(self.installation.lines)
        return sum(line.startswith(begin) and '"provider_called"' in line for line in lines)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a management command of this release's code; what it says is one stream."""
        return subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "manage.py", *arguments],
            cwd=self.tree,
            env={**self.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
