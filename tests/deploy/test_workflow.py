"""The workflow for a forge is well formed, safe, and runs what there is."""

import os
import re
from typing import Any

import pytest
import yaml

from tests.deploy.tools import PROJECT, find_program, run_program

FILE = PROJECT / ".github/workflows/ci.yml"
JOBS: dict[str, Any] = yaml.safe_load(FILE.read_text())["jobs"]
SCRIPTS = [*(PROJECT / ".github").glob("*.sh"), *(PROJECT / "deploy").rglob("*.sh")]


def test_the_workflow_fits_the_schema() -> None:
    schema = ("--builtin-schema", "vendor.github-workflows")
    run_program(find_program("check-jsonschema"), *schema, FILE)


def test_the_workflow_has_no_known_weakness() -> None:
    run_program(find_program("zizmor"), "--offline", "--quiet", FILE)


def test_every_target_and_script_that_a_job_runs_is_there() -> None:
    steps = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]
    targets = set(re.findall(r"\bmake (\w+)", "\n".join(steps)))
    scripts = set(re.findall(r"\.github/\w+\.sh", "\n".join(steps)))
    makefile = (PROJECT / "Makefile").read_text()
    assert targets == {"check", "test"}
    assert all(f"\n{target}:" in makefile for target in targets)
    assert all(os.access(PROJECT / script, os.X_OK) for script in scripts)


def test_nothing_is_rolled_out_before_all_is_tested_nor_in_production_before_staging() -> None:
    assert set(JOBS["staging"]["needs"]) == {"lint", "test", "image"}
    assert set(JOBS["production"]["needs"]) == {"lint", "test", "image", "staging"}
    for name in ("staging", "production"):
        assert JOBS[name]["environment"] == name
        assert "refs/heads/main" in JOBS[name]["if"]


def test_the_compose_test_starts_as_the_page_says() -> None:
    script = (PROJECT / ".github/compose_test.sh").read_text()
    page = (PROJECT / "docs/deployment.md").read_text()
    fill = next(line for line in page.splitlines() if line.endswith(".env.example > .env"))
    assert f"({fill})" in script


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_read_by_a_shell(script: Any) -> None:
    assert run_program("/bin/sh", "-n", script) == ""
