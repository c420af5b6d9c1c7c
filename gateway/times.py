"""Times as the faces show them: `YYYY-MM-DDTHH:mm:ss.sssZ`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Meta

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


def time_text(at: Timestamp) -> str:
    """Return a time as text, to the millisecond."""
    return f"{_second_text(at.seconds)}.{at.nanos // 1_000_000:03d}Z"


def now_text() -> str:
    """Return the present time as text, to the millisecond."""
    second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second_text(second)}.{millisecond:03d}Z"


def read_time(text: str) -> Timestamp | None:
    """Return the time that ISO 8601 text names, in UTC unless it says otherwise; None when it names none."""
    try:
        at = datetime.fromisoformat(text)
        found = Timestamp()
        found.FromDatetime(at if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
    return found


@lru_cache(maxsize=4096)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
