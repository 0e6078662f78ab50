"""The settings that the environment gives (spec section 6), read and checked.

One table (`notifier.setting_list_place` and `notifier.setting_list_work`) serves the start
(`read_configuration`), `manage.py config` and the docs.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from notifier.production import find_leftover
from notifier.setting import (
    DEVELOPMENT,
    PRODUCTION,
    STAGING,
    InvalidSetting,
    Setting,
    UnfitValue,
)
from notifier.setting_list_place import PLACE_SETTINGS
from notifier.setting_list_work import WORK_SETTINGS
from notifier.tls_options import find_skipped_check

__all__ = [
    "DEVELOPMENT",
    "PRODUCTION",
    "SETTINGS",
    "STAGING",
    "InvalidSetting",
    "Setting",
    "read_configuration",
]

SETTINGS: Final[tuple[Setting, ...]] = (*PLACE_SETTINGS, *WORK_SETTINGS)


def read_configuration(environment: Mapping[str, str], *, var: Path) -> dict[str, Any]:
    """Return every setting parsed; raise InvalidSetting for the first that cannot work."""
    env_kind = environment.get("NOTIFIER_ENV") or DEVELOPMENT
    generated = [setting.name for setting in SETTINGS if setting.generated]
    if env_kind != DEVELOPMENT and (
        leftover := find_leftover(environment, secrets=generated, var=var)
    ):
        raise InvalidSetting(leftover)
    return {
        setting.name: _read(setting, environment, var=var, env_kind=env_kind)
        for setting in SETTINGS
    }


def _read(setting: Setting, environment: Mapping[str, str], *, var: Path, env_kind: str) -> Any:
    given = environment.get(setting.name, "")
    if not given and setting.generated:
        if env_kind != DEVELOPMENT:
            raise InvalidSetting(f"{setting.name} is required in {env_kind}: {setting.expected}")
        given = _generated_secret(var / setting.name.lower())
    text = given or setting.default.replace("{var}", str(var))
    try:
        value = setting.parse(text)
    except UnfitValue as error:
        raise InvalidSetting(f"{setting.name}: {error}") from error
    except (ValueError, KeyError) as error:
        shown = "the given value" if setting.secret else repr(text)
        raise InvalidSetting(
            f"{setting.name}: expected {setting.expected}, not {shown}"
        ) from error
    if env_kind == PRODUCTION and (skipped := find_skipped_check(text)):
        raise InvalidSetting(f"{setting.name}: {skipped}: expected to be absent in production")
    return value


def _generated_secret(path: Path) -> str:
    """Return the development secret kept in `path`, made at the first start."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):  # another process was first: its secret is everybody's
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text().strip()
