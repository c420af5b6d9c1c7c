"""Checks the lengths that the documentation tells."""

from __future__ import annotations

from functools import cache

import msgspec
from msgspec import inspect

from gateway.faces.market.errors import failed

_SEE = "See the documentation at /api/docs"


def check(body: msgspec.Struct) -> None:
    """Check the lengths of all texts of a body; blanks around a text do not count.

    Raises:
        Failure: 422, about the first that is too short or too long.
    """
    for name, lowest, highest in _bounds(type(body)):
        value = getattr(body, name)
        if isinstance(value, str) and not lowest <= len(value.strip()) <= highest:
            message = f"{name} must be {lowest}-{highest} characters"
            raise failed(422, "VALIDATION_ERROR", message, _SEE)


@cache
def _bounds(struct: type[msgspec.Struct]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for field in inspect.type_info(struct).fields:  # type: ignore[attr-defined]
        kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        found += [
            (field.name, kind.min_length or 0, kind.max_length or 0)
            for kind in kinds
            if isinstance(kind, inspect.StrType)
        ]
    return tuple(found)
