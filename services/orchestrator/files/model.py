"""Files."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import msgspec

MAX_FILE_BYTES = 10 * 1024 * 1024
DEFAULT_PURPOSE = "assistants"
# Files that came with one run. They are kept until no run can be under way any more that read them.
ATTACHMENT_PURPOSE = "attachment"
MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
ATTACHMENT_LIFE = timedelta(days=3)
# How long an attachment waits for the run that it is to go with.
ATTACHMENT_WAIT = timedelta(minutes=10)
FILES, IMAGES, ARTIFACTS, PENDING = "files", "images", "generated_artifacts", "pending_uploads"
# What an operator's storage is made of, in this order.
CATEGORIES = {FILES: "Files", IMAGES: "Images", ARTIFACTS: "Generated artifacts", PENDING: "Pending uploads"}
_ARTIFACT_PURPOSES = frozenset({"generated", "generated_artifact", "assistants_output"})
_MAX_FILENAME = 255
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file.

    Attributes:
        id: `file-` and a UUID.
        purpose: what it is for.
        size: in bytes.
        mime_type: what it is, as found in its bytes.
    """

    id: str
    operator_id: int
    filename: str
    purpose: str
    size: int
    mime_type: str
    created_at: datetime

    @property
    def category(self) -> str:
        """What it counts as in the storage of its operator."""
        if self.purpose in _ARTIFACT_PURPOSES:
            return ARTIFACTS
        return IMAGES if self.mime_type.startswith("image/") else FILES


class NewFile(msgspec.Struct, frozen=True):
    """What a client says of a file that it sends."""

    filename: str
    purpose: str = ""
    mime_type: str = ""

    @property
    def max_bytes(self) -> int:
        """How large it may be."""
        return MAX_ATTACHMENT_BYTES if self.purpose == ATTACHMENT_PURPOSE else MAX_FILE_BYTES


class Usage(msgspec.Struct, frozen=True):
    """What files of one category take."""

    category: str
    size: int = 0
    count: int = 0


def clean_filename(name: str) -> str:
    """Return a name without folders, and without characters that nobody sees or that turn the direction of text."""
    last = re.split(r"[/\\]", name)[-1]
    return _UNPRINTABLE.sub("", last).strip()[:_MAX_FILENAME] or "file"
