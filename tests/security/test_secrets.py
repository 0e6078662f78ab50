"""No file of the repository holds a credential, and the scan finds what is planted."""

import subprocess
from pathlib import Path

import pytest

from tests.security.secret_scan import PROJECT, list_files, scan_repository

# Put together here, so that this file holds none.
PLANTED = {
    "private": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "sealed": "-----BEGIN ENCRYPTED " + "PRIVATE KEY-----",
    "amazon": "AKIA" + "ABCDEFGHIJKLMNOP",
    "github": "ghp_" + "a1B2" * 9,
    "token": "eyJhbGciOiJI" + "UzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "sendgrid": "SG." + "a1B2c3D4e5F6g7H8i9J0k1." + "a1B2c3D4e5" * 4 + "F6g",
    "mailgun": "key-" + "0123456789abcdef" * 2,
    "onesignal": "os_v2_app_" + "a1b2c3d4" * 6,
    "firebase": "AIza" + "a1B2c3D" * 5,
    "ours": "ntf_live_" + "a1B2c3D4e5" * 4 + "F6g",
}
# Where the tool's own scanner, or a person, would not look.
HIDING_PLACES = (
    ".env",
    "Dockerfile",
    "deploy/base/settings.yaml",
    "docs/swagger.json",
    "poetry.lock",
    "notes without a suffix",
    "picture.png",
)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607  # whichever git there is


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("var/\n")
    return tmp_path


def plant(repository: Path, name: str, secret: str) -> None:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'nothing\nKEY = "{secret}"  # pragma: allowlist secret\n')


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_credential_is_found_and_its_line_named(repository: Path, kind: str) -> None:
    plant(repository, "settings.py", PLANTED[kind])
    (found,) = scan_repository(repository)
    assert found.startswith("settings.py:2: ")
    assert PLANTED[kind] not in found


@pytest.mark.parametrize("name", HIDING_PLACES)
def test_no_name_or_comment_hides_a_credential(repository: Path, name: str) -> None:
    plant(repository, name, PLANTED["github"])
    git(repository, "add", "--all")
    assert scan_repository(repository) == [f"{name}:2: GitHub Token"]


def test_what_git_ignores_is_not_looked_at(repository: Path) -> None:
    plant(repository, "var/secret_key", PLANTED["ours"])
    assert scan_repository(repository) == []


def test_a_folder_without_a_repository_is_no_clean_repository(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a git repository"):
        scan_repository(tmp_path)


def test_no_credential_is_in_the_repository() -> None:
    try:
        tracked = set(list_files(PROJECT))
    except FileNotFoundError:
        pytest.skip("not a git repository: nothing can be committed")
    assert {PROJECT / name for name in (".env.example", "compose.yaml", "Makefile")} <= tracked
    assert scan_repository(PROJECT) == []
