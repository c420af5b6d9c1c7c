"""What was used last, kept in memory up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key; what was not used for longest goes first when there is no room.

    Args:
        capacity: the most that the values may take, in the unit in which `put` tells their sizes.
    """

    __slots__ = ("_capacity", "_entries", "_size")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Value | None:
        """Return the value of `key`, None when it is not kept."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep a value, instead of the one that `key` had; one that is larger than everything together is not kept."""
        self.drop(key)
        if size > self._capacity:
            return
        self._entries[key] = (value, size)
        self._size += size
        while self._size > self._capacity:
            self._size -= self._entries.popitem(last=False)[1][1]

    def drop(self, key: Key) -> None:
        """Keep nothing for `key`."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry[1]
