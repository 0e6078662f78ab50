"""What an installation must not bring along from development."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_ON: Final = frozenset({"1", "true", "yes", "on"})
_DEBUGGERS: Final = ("DEBUG", "DJANGO_DEBUG")
FEWEST_CHARACTERS: Final = 10  # different ones: `aaaa…` and `changeme-changeme…` have fewer
DJANGO_PREFIX: Final = "django-insecure-"  # what `startproject` writes


def find_leftover(
    environment: Mapping[str, str], *, secrets: Iterable[str], var: Path
) -> str | None:
    """Return one line about the first thing that belongs to development, None for a clean one.

    `secrets` are the names of those that a development installation generates into `var`.
    """
    for name in _DEBUGGERS:
        if environment.get(name, "").lower() in _ON:
            return f"{name}: expected to be unset; there is no debug mode to switch on"
    for name in secrets:
        if _is_from_development(environment.get(name, ""), var / name.lower()):
            return f"{name}: expected a random value of its own, not one for development"
    return None


def _is_from_development(secret: str, generated: Path) -> bool:
    if not secret:
        return False  # whether it may be missing is another question
    if secret.startswith(DJANGO_PREFIX) or len(set(secret)) < FEWEST_CHARACTERS:
        return True
    return generated.is_file() and generated.read_text().strip() == secret.strip()
