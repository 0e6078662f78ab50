"""`make check` looks for weaknesses in the code, and fails when there is one."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((PROJECT / "pyproject.toml").read_text())
CHECKED = ("apps", "notifier", "config", "deploy", "bench", "manage.py")
NO_RULE_OF_RUFF = {"B404"}  # its twin is in preview; the reason stands in pyproject.toml
# One of each sort that would be found; put into a file, never run.
WEAKNESSES = {
    "B602": "import subprocess\nsubprocess.run(input(), shell=True)\n",
    "B501": "import requests\nrequests.get('https://example.org', verify=False, timeout=1)\n",
    "B301": "import pickle\npickle.loads(input().encode())\n",
    "B324": "import hashlib\nhashlib.md5(b'x').hexdigest()\n",
    "B307": "eval(input())\n",
    "B703": "from django.utils.safestring import mark_safe\nmark_safe(input())\n",
    "B113": "import requests\nrequests.get('https://example.org')\n",
}


def run_bandit(*paths: str) -> subprocess.CompletedProcess[str]:
    options = ("--quiet", "--recursive", "--configfile", "pyproject.toml")
    return subprocess.run(  # noqa: S603  # our own interpreter and arguments
        [sys.executable, "-m", "bandit", *options, *paths],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_bandit_finds_what_is_planted(tmp_path: Path) -> None:
    for name, code in WEAKNESSES.items():
        (tmp_path / f"{name}.py").write_text(code)
    done = run_bandit(str(tmp_path))
    assert done.returncode == 1
    assert {name for name in WEAKNESSES if f"Issue: [{name}:" in done.stdout} == set(WEAKNESSES)


def test_make_check_runs_bandit_and_the_secret_scan() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    (recipe,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    bandit = next(line for line in recipe.splitlines() if "bandit" in line)
    assert bandit.endswith(" ".join(CHECKED))
    assert "-m tests.security.secret_scan" in recipe
    assert "\t-" not in recipe  # nothing that fails is passed over


@pytest.mark.parametrize("skipped", SETTINGS["tool"]["bandit"]["skips"])
def test_what_bandit_leaves_out_ruff_looks_at(skipped: str) -> None:
    ruff = SETTINGS["tool"]["ruff"]["lint"]
    assert "S" in ruff["select"]
    rule = skipped.replace("B", "S")
    assert rule not in ruff["ignore"]
    if skipped not in NO_RULE_OF_RUFF:
        known = subprocess.run(  # noqa: S603  # our own interpreter and arguments
            [sys.executable, "-m", "ruff", "rule", rule], capture_output=True, check=False
        )
        assert known.returncode == 0


def test_every_exception_says_why() -> None:
    """`# noqa: S603  # why` or `# nosec B603  # why`: a code, and then a reason."""
    bare = re.compile(
        r"#\s*nosec(?!\s+B\d{3}(?:[, ]+B\d{3})*\s+[#-])|#\s*noqa:\s*S\d+(?![\w, ]*\s[#-])"
    )
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for folder in CHECKED
        for path in [PROJECT / folder, *(PROJECT / folder).rglob("*.py")]
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if bare.search(line)
    ]
    assert found == []
