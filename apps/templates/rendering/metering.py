"""What a rendering may cost and what it found missing: meter, render context, missing value."""

import re
from collections.abc import Mapping

from liquid import BoundTemplate, Token
from liquid.context import RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.undefined import UNDEFINED, Undefined
from liquid.utils import ReadOnlyChainMap

# About 0.3 s on a slow core. Liquid's own limits count loop iterations and output, so that a
# thousand iterations over filters that print nothing cost minutes.
MAX_STEPS = 150_000

_CHARACTERS_PER_STEP = 64
_NAME = re.compile(r"[^\W\d][\w-]{0,49}")


class Meter:
    """The account of one rendering of one content, shared by its parts."""

    def __init__(self, *, weight: int) -> None:
        self._left = MAX_STEPS
        self._weight = weight
        self.missing: dict[str, None] = {}

    def charge(self, steps: int) -> None:
        """Pay for work; raises ResourceLimitError when the account is empty."""
        self._left -= steps
        if self._left < 0:
            raise ResourceLimitError("the template does too much work", token=None)

    def charge_value(self, value: object) -> None:
        """Pay for reading a value; a container costs as much as all variables can hold."""
        size = 0
        if isinstance(value, str):
            size = len(value)
        elif isinstance(value, dict | list):
            size = self._weight
        self.charge(1 + size // _CHARACTERS_PER_STEP)


class MissingValue(Undefined):
    """Stands for a variable that was not given: harmless to test and to default, noted if used."""

    __slots__ = ("_found",)

    force_liquid_default = True

    def __init__(
        self,
        name: str,
        *,
        token: Token | None = None,
        obj: object = UNDEFINED,
        hint: str | None = None,
    ) -> None:
        super().__init__(name, token=token, obj=obj, hint=hint)
        self._found: dict[str, None] = {}

    def note_into(self, missing: dict[str, None], *, name: str) -> None:
        """Tell the value where to report that it was used, and under which name."""
        self.name, self._found = name, missing

    def note(self) -> None:
        self._found[self.name] = None

    def __str__(self) -> str:
        self.note()
        return ""

    def __len__(self) -> int:
        self.note()
        return 0

    def __int__(self) -> int:
        self.note()
        return 0

    def __bool__(self) -> bool:
        return False


def note_missing(*values: object) -> None:
    """Report those of the values that are missing: they are about to be used."""
    for value in values:
        if isinstance(value, MissingValue):
            value.note()


class SandboxContext(RenderContext):
    """A render context that sees the variables only, and charges for every look at them."""

    def __init__(
        self, template: BoundTemplate, *, variables: Mapping[str, object], meter: Meter
    ) -> None:
        super().__init__(template, globals=variables)
        # Without liquid's `now` and `today`: a retry must render what the first attempt did.
        self.scope = ReadOnlyChainMap(self.locals, self.globals)
        self.meter = meter

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        value = super().get(path, token=token, default=default)
        self.meter.charge_value(value)
        if isinstance(value, MissingValue):
            value.note_into(self.meter.missing, name=_spell_path(path))
        return value


def _spell_path(path: list[object]) -> str:
    """Write a path as an author would; an index that looks like no name is hidden."""
    name = str(path[0])
    for segment in path[1:]:
        if isinstance(segment, str) and _NAME.fullmatch(segment):
            name += f".{segment}"
        else:
            name += f"[{segment if isinstance(segment, int) else '?'}]"
    return name
