"""Files in memory."""

from __future__ import annotations

import mimetypes
import time
import uuid
from collections import OrderedDict

from gateway.faces.runs.store_schemas import StoragePart, StorageUse, StoredFile, StoredFiles
from gateway.faces.runs.upload import Upload

_QUOTA_BYTES = 64 * 1024 * 1024
_TEXT = "text/plain"
_PURPOSE = "assistants"


def new_id() -> str:
    """Return the id of a file that is to be."""
    return f"file-{uuid.uuid4()}"


def kind_of(filename: str, mime_type: str) -> str:
    """Return what a file is: what the client says, else what its name says."""
    return mime_type or mimetypes.guess_type(filename)[0] or _TEXT


class MockFiles:
    """Keeps the newest files."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[StoredFile, bytes]] = OrderedDict()
        self._used = 0

    async def store(self, upload: Upload) -> StoredFile:
        """Keep a file; the oldest ones make place for it."""
        content = b"".join([chunk async for chunk in upload.chunks()])
        mime_type = upload.fields.get("mime_type") or upload.content_type
        return self.keep(new_id(), upload.filename, upload.fields.get("purpose") or "", mime_type, content)

    def keep(self, file_id: str, filename: str, purpose: str, mime_type: str, content: bytes) -> StoredFile:
        """Keep bytes as a file; what is not said of it is guessed."""
        kind = kind_of(filename, mime_type)
        made = StoredFile(file_id, "file", filename, purpose or _PURPOSE, len(content), int(time.time()), kind)
        self._files[made.id] = (made, content)
        self._used += made.bytes
        while self._used > _QUOTA_BYTES:
            self.delete(next(iter(self._files)))
        return made

    def find(self, file_id: str) -> tuple[StoredFile, bytes] | None:
        """Return a file and its bytes, None when there is none."""
        return self._files.get(file_id)

    def delete(self, file_id: str) -> bool:
        """Remove a file, and tell whether there was one."""
        found = self._files.pop(file_id, None)
        if found is not None:
            self._used -= found[0].bytes
        return found is not None

    def page(self, limit: int, offset: int) -> StoredFiles:
        """Return some files, the newest first."""
        newest = [file for file, _ in reversed(self._files.values())]
        return StoredFiles(newest[offset : offset + limit], len(newest), limit, offset)

    def storage(self) -> StorageUse:
        """Tell how much they take."""
        return StorageUse(self._used, _QUOTA_BYTES, [StoragePart("files", "Files", self._used, len(self._files))])
