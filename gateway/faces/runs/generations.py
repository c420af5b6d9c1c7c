"""What clients of different ages understand.

Three generations of published clients disagree on a few things that no one answer can be right about (contract,
sections 0 and 3). They are told apart by the base of the path and by `X-SDK-Language`.
"""

from __future__ import annotations

import re

from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from gateway.times import time_text

_NEW_BASE = re.compile(r"/api/v1/")


class Generation(Struct, frozen=True):
    """What the client of a request understands.

    Attributes:
        all_statuses: whether it knows `canceled` and `awaiting_approval`.
        thread_seconds: whether it reads times of threads and messages as seconds since 1970, not as text.
        file_text: whether it reads times of files as text, not as seconds since 1970.
    """

    all_statuses: bool = False
    thread_seconds: bool = False
    file_text: bool = False

    def thread_time(self, at: Timestamp) -> str | int:
        """Return a time of a thread or a message."""
        return at.seconds if self.thread_seconds else time_text(at)

    def file_time(self, at: Timestamp) -> str | int:
        """Return a time of a file."""
        return time_text(at) if self.file_text else at.seconds


def generation(request: web.Request) -> Generation:
    """Return what the client of a request understands."""
    language = request.headers.get("X-SDK-Language", "").strip().lower()
    new = bool(_NEW_BASE.match(request.path))
    with_bearer = request.headers.get("Authorization", "").lower().startswith("bearer ")
    return Generation(
        all_statuses=bool(language) and new,
        thread_seconds=language == "rust" and not new,
        file_text=language == "go" and with_bearer,
    )
