"""Values from outside against the rules of the model's fields, all faults in one answer."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from notifier.errors import FieldError, InvalidRequest


def check_values(model: type[models.Model], values: Mapping[str, Any]) -> None:
    """Raise InvalidRequest that names every field whose value the model would not take."""
    faults = [fault for name, value in values.items() for fault in _faults(model, name, value)]
    if faults:
        text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise InvalidRequest(text, errors=faults)


def _faults(model: type[models.Model], name: str, value: Any) -> list[FieldError]:
    try:
        field = model._meta.get_field(name)  # noqa: SLF001  # documented, for all its underscore
        field.clean(value, None)  # type: ignore[union-attr]  # never called for a relation
    except ValidationError as error:
        return [FieldError(name, "invalid", message) for message in error.messages]
    return []
