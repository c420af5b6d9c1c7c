"""Cursors of the market's lists: base64 of JSON that tells the last row of a page. No I/O.

`{"id":42}` where rows are ordered by id, `{"id":42,"v":500}` where they are ordered by a value first and by id among
equals. They are not signed: what a client makes up only moves it within what it may see anyway.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from kit.errors import FieldViolation, InvalidInput

_MAX_LENGTH = 200
_LARGEST = 2**63 - 2


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The row after which a page begins: its id and, in a list that is ordered by a value, that value."""

    id: int
    v: int | msgspec.UnsetType = msgspec.UNSET

    @property
    def value(self) -> int:
        """The value; 0 in a list that has none."""
        return 0 if self.v is msgspec.UNSET else self.v


def encode_place(task_id: int, value: int | None = None) -> str:
    """Return the cursor after a row."""
    place = Place(task_id) if value is None else Place(task_id, value)
    return base64.b64encode(msgspec.json.encode(place)).decode()


def decode_place(cursor: str, *, with_value: bool) -> Place | None:
    """Return the place that a cursor tells; None for an empty one, which means the first page.

    Args:
        cursor: what `encode_place` returned.
        with_value: whether the list is ordered by a value.

    Raises:
        InvalidInput: CURSOR_INVALID: damaged, made up, or of a list in another order.
    """
    if not cursor:
        return None
    try:
        if len(cursor) > _MAX_LENGTH:
            raise ValueError("too long")
        place = msgspec.json.decode(base64.b64decode(cursor, validate=True), type=Place)
        if (place.v is not msgspec.UNSET) != with_value:
            raise ValueError("of a list in another order")
        if not (0 < place.id <= _LARGEST and 0 <= place.value <= _LARGEST):
            raise ValueError("no such row")
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        message = "The cursor does not belong to this list"
        violation = FieldViolation("cursor", message, "cursor.valid")
        raise InvalidInput("CURSOR_INVALID", message, violations=(violation,)) from error
    return place
