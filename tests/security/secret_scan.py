"""`python -m tests.security.secret_scan`: does a file of the repository hold a credential?

Looks at every file that is committed or would be, whatever its name, for credentials that are
known by their form. Passwords such as `password` in URLs of tests and docs have none: what looks
for words and for randomness would find little else here. No comment excepts anything.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from detect_secrets.settings import get_plugins, transient_settings

PROJECT = Path(__file__).parents[2]
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
# Ours, and those of vendors that the detectors do not know.
OTHERS = {
    "API key of Notifier": re.compile(r"ntf_(?:live|test)_[A-Za-z0-9_-]{43}"),
    "GitHub fine-grained token": re.compile(r"github_pat_[A-Za-z0-9_]{40,}"),
    "Google API key": re.compile(r"AIza[A-Za-z0-9_-]{35}"),
    "Mailgun key": re.compile(r"\bkey-[0-9a-f]{32}\b"),
    "OneSignal key": re.compile(r"os_v2_(?:app|org)_[a-z0-9]{40,}"),
    "encrypted private key": re.compile("BEGIN ENCRYPTED " + "PRIVATE KEY"),
}
# Opens nothing: a token without claims, the example in the API's description.
EMPTY_TOKEN = re.compile(r"[\w-]+\.e30\.[\w-]*")


def scan_repository(folder: Path) -> list[str]:
    """Return a line for each credential in the repository at `folder`: where, and which kind.

    Raises FileNotFoundError where there is no repository, or nothing in it.
    """
    paths = list_files(folder)
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        return [line for path in paths for line in _scan_file(path, folder)]


def list_files(folder: Path) -> list[Path]:
    """Return what is committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # whichever git there is
        cwd=folder,
        capture_output=True,
        check=False,
    )
    paths = [folder / name.decode() for name in listed.stdout.split(b"\0") if name]
    if not paths:
        raise FileNotFoundError(f"{folder} is not a git repository with files")
    return [path for path in paths if path.is_file()]


def _scan_file(path: Path, folder: Path) -> Iterator[str]:
    text = path.read_text(errors="replace")
    if not list(find_kinds(text)):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for kind in sorted(set(find_kinds(line))):
            yield f"{path.relative_to(folder)}:{number}: {kind}"


def find_kinds(text: str) -> Iterator[str]:
    """Ask the detectors themselves: their scanner leaves out lock files and commented lines."""
    for plugin in get_plugins():
        for secret in plugin.analyze_string(text):
            if not EMPTY_TOKEN.fullmatch(secret):
                yield plugin.secret_type
    for kind, pattern in OTHERS.items():
        if pattern.search(text):
            yield kind


def main() -> int:
    """Print what was found and return the exit status."""
    try:
        found = scan_repository(PROJECT)
    except FileNotFoundError as error:
        sys.stderr.write(f"secret scan LEFT OUT: {error}\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
