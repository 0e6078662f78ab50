"""Model fields that are sealed on their way into the database and opened on their way out.

Empty values (`""`, `{}`, `[]`) are stored as they are: they tell nothing, and cost nothing.
Sealed values cannot be compared, so every look-up but `isnull` is an error: see `blind_index`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import structlog
from django.db import models

from notifier.encryption import Undecryptable, seal, seal_all, unseal

log = structlog.get_logger(__name__)
EMPTY = frozenset({"{}", "[]"})


if TYPE_CHECKING:
    _Text = models.CharField[str, str]
else:
    _Text = models.CharField  # generic in its stubs only


class Sealed:
    """What both kinds share; `place` is the associated data that binds a value to its column."""

    place: bytes
    bare: ClassVar[Mapping[bytes, str]]  # what is stored as it is

    def contribute_to_class(self, cls: Any, name: str, *args: Any, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, *args, **kwargs)  # type: ignore[misc]  # the field's
        self.place = f"{cls._meta.db_table}.{self.column}".encode()  # type: ignore[attr-defined]  # the field's

    def get_internal_type(self) -> str:
        return "TextField"

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            return None  # Django says which look-up of which field is not supported
        return super().get_lookup(lookup_name)  # type: ignore[misc]  # the field's

    def get_transform(self, lookup_name: str) -> Any:
        return None

    def to_bytes(self, value: Any) -> bytes:
        """Return what is sealed of a value."""
        raise NotImplementedError

    def to_stored(self, value: Any) -> str:
        text = self.to_bytes(value)
        return self.bare[text] if text in self.bare else seal(text, place=self.place)

    def all_to_stored(self, values: Sequence[Any]) -> list[str | None]:
        """Return a column's values as they are stored; None stays."""
        texts = [None if value is None else self.to_bytes(value) for value in values]
        private = [text for text in texts if text is not None and text not in self.bare]
        sealed = iter(seal_all(private, place=self.place))
        return [
            None if text is None else self.bare[text] if text in self.bare else next(sealed)
            for text in texts
        ]

    def open_stored(self, stored: str) -> bytes:
        try:
            return unseal(stored, place=self.place)
        except Undecryptable as error:
            log.error("value_undecryptable", error=error.message)  # noqa: TRY400  # no traceback: the message says all
            raise


class EncryptedTextField(Sealed, _Text):
    """A text of at most `max_length` characters (of its own, not of what is stored)."""

    bare: ClassVar[Mapping[bytes, str]] = {b"": ""}

    def to_bytes(self, value: Any) -> bytes:
        return str(value).encode()

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return self.open_stored(value).decode() if value else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return None if value is None else self.to_stored(value)


class EncryptedJSONField(Sealed, models.JSONField):
    """A JSON value, sealed as a whole; None is NULL."""

    bare: ClassVar[Mapping[bytes, str]] = {b"{}": "{}", b"[]": "[]"}

    def to_bytes(self, value: Any) -> bytes:
        return msgspec.json.encode(value)

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        if value is None:
            return None
        return msgspec.json.decode(value if value in EMPTY else self.open_stored(value))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return None if value is None else self.to_stored(value)


def sealed_columns(
    model: type[models.Model],
) -> dict[str, "EncryptedTextField | EncryptedJSONField"]:
    """Return a model's sealed fields by their columns."""
    fields = model._meta.concrete_fields  # noqa: SLF001  # documented, for all its underscore
    return {
        str(each.column): each
        for each in fields
        if isinstance(each, EncryptedTextField | EncryptedJSONField)
    }
