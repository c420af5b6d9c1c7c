"""How much of an answer an item takes. One message carries 16 MiB, and no answer needs to fill the memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.tasks.work.model import WorkItem

MAX_ANSWER_BYTES = 12 * 1024 * 1024
_FIXED_BYTES = 1024
_ATTEMPT_BYTES = 256


class Budget:
    """What an answer may still take.

    Args:
        limit: bytes in all.
    """

    def __init__(self, limit: int = MAX_ANSWER_BYTES) -> None:
        self._left = limit

    def spend(self, item: WorkItem) -> bool:
        """Take an item into the answer; False when there is no room for it."""
        needed = weight(item)
        if needed > self._left:
            return False
        self._left -= needed
        return True


def weight(item: WorkItem) -> int:
    """Return about how many bytes a message with the item has."""
    attempts = sum(_ATTEMPT_BYTES + _bytes(attempt.result) for attempt in item.attempts)
    texts = _bytes(item.result or "") + _bytes(item.outputs_json or "")
    return _FIXED_BYTES + attempts + texts + _total(item.payload.values())


def _total(values: Iterable[Any]) -> int:
    total = 0
    for value in values:
        if isinstance(value, str):
            total += _bytes(value)
        elif isinstance(value, dict):
            total += _total(value) + _total(value.values()) + 16 * len(value)
    return total


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
