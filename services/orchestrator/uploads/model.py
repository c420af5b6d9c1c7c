"""Announced uploads.

waiting ──its token is shown──▶ sending ──its last byte is stored──▶ sent ──completed──▶ a file
   └────────── after a while it is forgotten, with what was sent of it ─────────┘
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

WAITING, SENDING, SENT = "waiting", "sending", "sent"
# How long a token can be used, and how long what was sent can be completed.
LIFETIME = timedelta(minutes=15)


class PendingUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was announced.

    Attributes:
        id: the id that the file will have: `file-` and a UUID.
        purpose: what it is for.
        claimed_type: what the client says it is.
        max_bytes: the most bytes that it may have.
        expires_at: when its token ends.
        state: where it stands.
        size: in bytes, once it is sent.
        mime_type: what it is, as found in its bytes, once it is sent.
    """

    id: str
    operator_id: int
    filename: str
    purpose: str
    claimed_type: str
    max_bytes: int
    expires_at: datetime
    state: str = WAITING
    size: int = 0
    mime_type: str = ""

    @property
    def pathname(self) -> str:
        """Where it lies, as clients name it."""
        return f"{self.id}/{self.filename}"
