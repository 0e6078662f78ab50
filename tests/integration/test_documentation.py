"""The pages that repeat what the code says, say the same."""

import re
from pathlib import Path

from django.core.management import call_command

from apps.templates.rendering import MissingVariables, RenderingError
from notifier.api.envelope import STATUS_OF_CODE

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"


def test_the_page_of_settings_is_what_the_command_prints(tmp_path: Path) -> None:
    printed = tmp_path / "settings.md"
    with printed.open("w") as page:
        call_command("config", "--output", "markdown", stdout=page)
    assert printed.read_text() == (DOCS / "settings.md").read_text(), "run `make docs`"


def test_every_error_of_the_api_is_on_its_page_with_its_status() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\d{3}) \|", (DOCS / "error-codes.md").read_text(), re.MULTILINE
    )
    assert {code: int(status) for code, status in rows} == STATUS_OF_CODE


def test_every_error_code_of_the_delivery_is_on_its_page() -> None:
    sources = "".join(file.read_text() for file in (PROJECT / "apps/delivery").rglob("*.py"))
    codes = set(re.findall(r'\b(?:error_)?code="(\w+)"', sources))
    codes |= {RenderingError.code, MissingVariables.code}
    page = (DOCS / "error-codes.md").read_text()
    by_status = re.compile(r"(smtp|http)_\d{3}")  # has a line for each kind
    assert len(codes) > 20
    assert not {code for code in codes if f"`{code}`" not in page and not by_status.match(code)}


def test_links_between_the_files_of_the_repository_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(PROJECT)}: {target}"
        for page in (*DOCS.glob("*.md"), *PROJECT.glob("*.md"), *PROJECT.glob("deploy/**/*.md"))
        for target in re.findall(r"\]\((?!https?://|mailto:|#|{{)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken
