"""Identifiers: UUID version 7 (RFC 9562 section 5.7), so that ids sort by the time they were made."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_MAX_COUNTER = 0xFFF


class IdGenerator:
    """Makes UUIDv7 that grow strictly within one process, also within one millisecond (RFC 9562 section 6.2, method 1).

    Not safe for threads: one generator belongs to one event loop.
    """

    def __init__(self) -> None:
        self._last_ms = 0
        self._counter = 0

    def new(self) -> str:
        """Return the next id in its lower-case canonical form of 36 characters."""
        now_ms = time.time_ns() // 1_000_000
        if now_ms > self._last_ms:
            self._last_ms, self._counter = now_ms, 0
        elif self._counter < _MAX_COUNTER:
            self._counter += 1
        else:
            # 4,096 ids in one millisecond, or a clock set back: borrow from the next millisecond.
            self._last_ms, self._counter = self._last_ms + 1, 0
        h = f"{self._last_ms:012x}7{self._counter:03x}"
        tail = int.from_bytes(os.urandom(8)) & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000
        t = f"{tail:016x}"
        return f"{h[:8]}-{h[8:12]}-{h[12:]}-{t[:4]}-{t[4:]}"


_generator = IdGenerator()


def new_id() -> str:
    """Return a new UUIDv7 of this process."""
    return _generator.new()


def made_at(identifier: str) -> datetime:
    """Return when a UUIDv7 was made, in UTC, to the millisecond."""
    return datetime.fromtimestamp(int(identifier[:8] + identifier[9:13], 16) / 1000, UTC)


def is_id(text: str) -> bool:
    """Tell whether `text` is a UUID in lower-case canonical form, of any version."""
    return _UUID.fullmatch(text) is not None
