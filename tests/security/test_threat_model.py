"""The threat model is true to the tests: each that it names is there, for each finding one."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w./]+\.py)::(test_\w+)`", PAGE)))
FINDINGS = re.findall(r"^\| (\d+) \| [^|]+ \| `test_\w+\.py::test_\w+` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_threat_model_names_exists(file: str, name: str) -> None:
    assert f"\ndef {name}(" in (HERE / file).read_text()


def test_each_of_the_findings_has_a_test() -> None:
    assert [int(number) for number in FINDINGS] == list(range(1, 25))
    assert len(NAMED) > 30


def test_every_kind_of_threat_is_considered() -> None:
    kinds = re.findall(r"^\| \*\*([A-Z])\*\*", PAGE, re.MULTILINE)
    assert kinds == list("STRIDE")
