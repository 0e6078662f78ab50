"""How Schemathesis is set up: what it may take for granted, and what counts as a failure."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What our answers must keep to. That each bad input is refused and each good one is accepted is
# left out: the schema cannot say that a time zone exists or that an address is deliverable.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXAMPLES = "10"  # of each phase that makes them up; `coverage` has its own, of every kind of fault
SEED = "1812"  # the same requests each time: a red run can be run again
TIME_LIMIT = 400  # it takes half a minute on a machine that is not busy
_ANSWERED = re.compile(
    r'^notifier_http_requests_total\{method="(\w+)",route="([^"]+)",status="2\d\d"\}', re.MULTILINE
)
_PLACEHOLDER = re.compile(r"<\w+:(\w+)>")
Known = Mapping[str, Sequence[str | int]]


def write_settings(path: Path, *, known: Known) -> None:
    """Let half of the requests be about what exists: a stranger's id ends at a 404."""
    lines = ["[auth]", "auto-signup = false", "[generation]", "with-security-parameters = false"]
    bindings = []
    for number, (parameter, values) in enumerate(known.items()):
        lines += [f"[dictionaries.known{number}]", f"values = {json.dumps(list(values))}"]
        binding = f'{{ dictionary = "known{number}", probability = 0.5 }}'
        bindings.append(f"{json.dumps(parameter)} = {binding}")
    path.write_text("\n".join([*lines, "[parameters]", *bindings]))


def run_schemathesis(
    *, url: str, folder: Path, known: Known, headers: Mapping[str, str], phases: str
) -> str:
    """Ask the server all that its schema suggests; return what went wrong, "" for nothing."""
    settings = folder / "schemathesis.toml"
    write_settings(settings, known=known)
    credentials = [f"--header={name}: {value}" for name, value in headers.items()]
    done = subprocess.run(  # noqa: S603  # our own interpreter and arguments
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color"),
            *("--config-file", str(settings), "run", f"{url}/api/schema", *credentials),
            *("--phases", phases, "--max-examples", EXAMPLES),
            *("--checks", ",".join(CHECKS), "--continue-on-failure", "--no-shrink"),
            *("--seed", SEED, "--generation-database", "none", "--workers", "2"),
            *("--warnings", "off", "--request-timeout", "10"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def answered_with_success(metrics: str) -> set[tuple[str, str]]:
    """Return the operations (method, path of the schema) that a process has answered with 2xx."""
    found = _ANSWERED.findall(metrics)
    return {(method.lower(), _PLACEHOLDER.sub(r"{\1}", route)) for method, route in found}


def known_things(created: Mapping[str, Any]) -> Known:
    """Return what exists, by the parameters of the schema that may name it."""
    return {
        "path.user_id": [created["user"]],
        "path.email": ["ada@example.org"],
        "path.device_id": [created["device"]],
        "path.key_id": [created["key"]],
        "path.code": ["welcome", "ping"],
        "path.number": [1],
        "path.notification_id": created["notifications"],
        "path.batch_id": [created["batch"]],
        "path.suppression_id": [created["suppression"]],
        "query.user_id": [created["user"]],
        "query.batch_id": [created["batch"]],
        "body.user_id": [created["user"]],
        "body.template_code": ["welcome", "ping"],
        "body.notification_id": created["notifications"],
    }
