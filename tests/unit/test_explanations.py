"""Every word for why something happened is explained in the timeline, and stands in the docs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from anymail.signals import RejectReason

from apps.delivery.providers.bounces import SOFT_BOUNCE
from apps.delivery.providers.esp import REFUSALS
from apps.notifications.admin.explanations import explain_code, explain_event

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs/error-codes.md").read_text()
MADE_BY = {"Transient", "Permanent", "NotHosted", "Misconfigured", "Uncertain", "partial"}
CAUSES = {"Verdict", "Refusal", "fail", "Outcome", "return_unpublished"}
REPORTED = {value for name, value in vars(RejectReason).items() if name.isupper()}


def list_calls(makers: set[str], keyword: str) -> Iterator[str]:
    """Yield the constants that the product's sources pass as `keyword` to one of `makers`."""
    for path in sorted((PROJECT / "apps").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in makers:
                yield from (
                    str(given.value.value)
                    for given in node.keywords
                    if given.arg == keyword and isinstance(given.value, ast.Constant)
                )


def list_own_words() -> Iterator[str]:
    """Yield what FCM and OneSignal refuse with, in whatever table it stands."""
    for path in sorted((PROJECT / "apps/delivery/providers").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            values = node.values if isinstance(node, ast.Dict) else []
            words = [str(each.value) for each in values if isinstance(each, ast.Constant)]
            yield from (word for word in words if re.fullmatch(r"(fcm|onesignal)_[a-z_]+", word))


def list_named(title: str, *, column: int) -> set[str]:
    """Return the codes in a table of the docs; `smtp_4xx` stands for all of them."""
    section = PAGE.partition(f"\n## `{title}`")[2].partition("\n## ")[0]
    cells = [line.split("|")[column] for line in section.splitlines() if line[:1] == "|"]
    return {word.replace("xx", "51") for word in re.findall(r"`(\w+)`", " ".join(cells))}


IN_SOURCES = {
    *list_calls(MADE_BY, "code"),
    *list_own_words(),
    *REFUSALS.values(),
    *REPORTED,
    SOFT_BOUNCE,
    "timeout",
}
CODES = sorted(IN_SOURCES | list_named("error_code", column=1))
REASONS = sorted({*list_calls(CAUSES, "reason")} | list_named("reason", column=2))


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_is_explained(code: str) -> None:
    told = explain_code(code) or explain_event(status="", reason=code, error_code="")
    assert told.endswith("."), code


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_explained(reason: str) -> None:
    assert explain_event(status="pending", reason=reason, error_code="").endswith("."), reason


def test_the_codes_of_the_sources_were_found_and_are_in_the_docs() -> None:
    assert {"connect_failed", "token_unavailable", "onesignal_unsubscribed"} <= IN_SOURCES
    documented = set(re.findall(r"`([a-z0-9_]+)`", PAGE))
    named = {code for code in IN_SOURCES if not re.fullmatch(r"(smtp|http)_\d+", code)}
    assert sorted(named - documented) == []
