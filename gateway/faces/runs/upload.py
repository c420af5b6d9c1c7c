"""Reads a file out of a multipart body, of any size up to the limit, in little memory."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any

from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.faces.runs.errors import RunsFailure, failed

LIMIT_BYTES = 10 * 1024 * 1024
ATTACHMENT_BYTES = 20 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
_IN_MEMORY_BYTES = 512 * 1024
_FIELD_BYTES = 1024
_MOST_PARTS = 20
_FIELDS = frozenset({"purpose", "mime_type"})
_NAMELESS = "upload"
# What the reader of multipart bodies raises for those that are none.
_UNREADABLE = (
    AssertionError,
    EOFError,
    HttpProcessingError,
    ValueError,
    web.HTTPException,
    web.RequestPayloadError,
)


class Upload:
    """A file that a client sent.

    Attributes:
        filename: its name, without folders.
        fields: the texts beside it, by name.
        content_type: what the client says it is; empty when it does not.
        size: in bytes.
    """

    def __init__(self, spool: IO[bytes], limit: int = LIMIT_BYTES) -> None:
        self.filename = ""
        self.content_type = ""
        self.fields: dict[str, str] = {}
        self.size = 0
        self._spool = spool
        self._limit = limit

    def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            RunsFailure: 413, these are too many.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise failed(413, "FILE_TOO_LARGE", f"File exceeds maximum size of {self._limit} bytes")
        self._spool.write(chunk)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes."""
        self._spool.seek(0)
        while chunk := self._spool.read(CHUNK_BYTES):
            yield chunk


@asynccontextmanager
async def received(request: web.Request, limit: int = LIMIT_BYTES) -> AsyncIterator[Upload]:
    """Read the whole body of a request; the fields beside the file may come before it or after.

    Args:
        request: the request.
        limit: the most bytes that the file may have.

    Raises:
        RunsFailure: 400, there is no file in it, or it is no multipart body; 413, the file is too large.
    """
    if not request.content_type.startswith("multipart/"):
        raise failed(400, "INVALID_REQUEST", "Missing file: send multipart/form-data with a part named file")
    # What is larger goes to disk: a crowd of uploads must not take the memory of the gateway.
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
        upload = Upload(spool, limit)
        try:
            found = await _read(await request.multipart(), upload)
        except RunsFailure:
            raise
        except _UNREADABLE as error:
            raise failed(400, "INVALID_REQUEST", "The multipart body cannot be read") from error
        if not found:
            raise failed(400, "INVALID_REQUEST", "Missing file")
        if not upload.size:
            raise failed(400, "FILE_EMPTY", "Uploaded file is empty")
        yield upload


async def _read(reader: MultipartReader, upload: Upload) -> bool:
    found = False
    for _ in range(_MOST_PARTS):
        part: Any = await reader.next()
        if part is None:
            return found
        if not isinstance(part, BodyPartReader):
            raise failed(400, "INVALID_REQUEST", "The multipart body holds another multipart body")
        if part.name == "file" and not found:
            found = True
            upload.filename = _plain_name(part.filename)
            upload.content_type = part.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip()
            while chunk := await part.read_chunk(CHUNK_BYTES):
                upload.write(chunk)
        else:
            text = await _text(part)
            if part.name in _FIELDS:
                upload.fields[part.name] = text
    raise failed(400, "INVALID_REQUEST", f"The multipart body has more than {_MOST_PARTS} parts")


async def _text(part: BodyPartReader) -> str:
    read = b""
    while chunk := await part.read_chunk(_FIELD_BYTES):
        read += chunk
        if len(read) > _FIELD_BYTES:
            raise failed(400, "INVALID_REQUEST", f"A field beside the file is longer than {_FIELD_BYTES} bytes")
    return read.decode("utf-8", "replace").strip()


def _plain_name(given: str | None) -> str:
    """Return a name that is no path and holds no control characters."""
    name = (given or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable()).strip(". ")
    name = name.encode("utf-8", "replace").decode()
    return name[:255] or _NAMELESS
