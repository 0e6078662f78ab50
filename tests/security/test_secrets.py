"""No file of the repository holds a credential that would open something."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

PROJECT = Path(__file__).parents[2]
# Those that know a credential by its form. Passwords such as `password` in URLs of tests and docs
# have none: what looks for words and for randomness would find little else here.
DETECTORS = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
OUR_KEY = re.compile(r"ntf_(?:live|test)_[A-Za-z0-9_-]{43}")
# Opens nothing: a token without claims, the example in the API's description.
EMPTY_TOKEN = re.compile(r"[\w-]+\.e30\.[\w-]*")


def list_files() -> list[Path]:
    """Return what is committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # whichever git there is
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git repository: nothing can be committed")
    paths = [PROJECT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def find_secrets(path: Path) -> Iterator[str]:
    """Yield where something that looks like a credential stands, and of which kind it is."""
    for found in scan_file(str(path)):
        if not EMPTY_TOKEN.fullmatch(found.secret_value or ""):
            yield f"{path.relative_to(PROJECT)}:{found.line_number}: {found.type}"
    if OUR_KEY.search(path.read_text(errors="replace")):
        yield f"{path.relative_to(PROJECT)}: an API key of ours"


def test_no_credential_is_in_the_repository() -> None:
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        found = [each for path in list_files() for each in find_secrets(path)]
    assert found == []


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN " + "RSA PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1B2" * 9,
        "eyJhbGciOiJI" + "UzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_a_credential_would_be_found(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "settings.py"
    path.write_text(f'KEY = "{secret}"\n')
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        assert list(scan_file(str(path)))
