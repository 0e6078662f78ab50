"""What `manage.py up` prints when it is up: where things are, how to get in, what to try."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.core.management.base import OutputWrapper
from django.utils import timezone

from apps.delivery.services.simulating import is_playground
from apps.notifications.services.demo import Demo, seed_demo
from apps.notifications.services.demo_content import FIRST_ORDER
from notifier.management.command_line import manage_command

_RECOVERED = {
    "not_claimed": "waiting for a worker",
    "in_doubt": "in doubt (sent again with the same Message-ID)",
    "expired": "expired meanwhile",
}


def prepare_demo() -> Demo:
    """Seed the demo data where it is missing and return how to get in."""
    return seed_demo(var=Path(settings.VAR_DIR), now=timezone.now())


def print_welcome(
    stdout: OutputWrapper, *, port: int, demo: Demo | None, recovered: Mapping[str, int]
) -> None:
    """Print one compact block; the curl works as it stands, in any POSIX shell."""
    base = f"http://127.0.0.1:{port}"
    lines = ["", f"Notifier is up: {base}", *_list_places(base, demo), *_tell_recovered(recovered)]
    lines += ["", *(_suggest_curl(base, demo) if demo else _suggest_first_steps())]
    lines += ["", *_suggest_trouble()]
    lines += ["", f"{_tell_where_mail_goes()} Ctrl-C stops.", ""]
    stdout.write("\n".join(lines))
    stdout.flush()


def _list_places(base: str, demo: Demo | None) -> list[str]:
    return [
        f"  Admin     {base}/admin/{_tell_operator(demo)}",
        f"  API docs  {base}/api/docs",
        f"  Inbox     {base}/inbox/",
        *([f"  Test key  {demo.test_api_key}"] if demo else []),
    ]


def _tell_operator(demo: Demo | None) -> str:
    if demo is None:
        return f"   (a user: {manage_command('createsuperuser')})"
    if demo.operator_password is None:
        change = manage_command("changepassword", demo.operator_email)
        return f"   {demo.operator_email} (a new password: {change})"
    return f"   {demo.operator_email} / {demo.operator_password}"


def _tell_recovered(recovered: Mapping[str, int]) -> list[str]:
    found = {words: recovered.get(kind) for kind, words in _RECOVERED.items()}
    told = [f"{count} {words}" for words, count in found.items() if count]
    return [f"  Taken up from the last run: {', '.join(told)}"] if told else []


def _suggest_curl(base: str, demo: Demo) -> list[str]:
    return [
        "Send a mail and see it in the inbox:",
        f"  curl -sS {base}/api/v1/notifications \\",
        f"    -H {shlex.quote(f'X-API-Key: {demo.api_key}')} \\",
        "    -H 'Content-Type: application/json' \\",
        f"    -d {shlex.quote(json.dumps(FIRST_ORDER))}",
    ]


def _suggest_first_steps() -> list[str]:
    key = manage_command("create_api_key", "--name", "my-program", "--scopes", "send,read")
    organization = manage_command("create_organization", "--slug", "acme", "--name", "Acme")
    return [
        "A key for a program of the default organization:",
        f"  {key}",
        "An organization of its own, with an administrator:",
        f"  {organization} --admin-email you@example.org",
    ]


def _suggest_trouble() -> list[str]:
    """What there is to watch, from another terminal, as this one is busy."""
    lines = ["What goes wrong, as it would with a real provider: docs/simulator.md"]
    if is_playground():
        lines += [
            "  post to bounce@, defer@ or slow@simulator.test and look at its timeline; or:",
            f"  {manage_command('chaos', '--mode', '503', '--for', '30s')}",
        ]
    return [*lines, f"What is wrong, if something is: {manage_command('doctor')}"]


def _tell_where_mail_goes() -> str:
    urls = (*settings.EMAIL_PROVIDER_URLS, *settings.PUSH_PROVIDER_URLS)
    names = [url.name for url in urls if url.scheme != "capture"]
    if names:
        return f"Messages leave this machine through: {', '.join(names)}."
    return "No mail leaves this machine."
