"""Where a page of runs ends. No I/O."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Place(msgspec.Struct, frozen=True):
    """The run after which a page begins."""

    at: datetime
    id: str
