"""Files that are sent with a token, in memory: announced, sent, completed."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import Any

import msgspec
from aiohttp import web

from gateway.faces.runs.errors import failed
from gateway.faces.runs.store_schemas import ReceivedUpload, StoredFile, UploadTicket
from gateway.faces.runs.upload import LIMIT_BYTES
from launch.mock.files import MockFiles, kind_of, new_id

_LIFE_SECONDS = 900
_KEPT = 100


class _Announced(msgspec.Struct):
    token: str
    filename: str
    purpose: str
    mime_type: str
    content: bytes | None = None


class MockUploads:
    """Keeps the newest announcements until they are completed.

    Args:
        files: where they become files.
    """

    def __init__(self, files: MockFiles) -> None:
        self._files = files
        self._announced: OrderedDict[str, _Announced] = OrderedDict()

    def announce(self, asked: dict[str, Any], files_url: str) -> UploadTicket:
        """Announce a file; its bytes go to an address below `files_url`."""
        file_id, name = new_id(), str(asked.get("filename") or "upload")
        made = _Announced(
            f"pwu_{secrets.token_hex(16)}", name, str(asked.get("purpose") or ""), str(asked.get("mime_type") or "")
        )
        self._announced[file_id] = made
        while len(self._announced) > _KEPT:
            self._announced.popitem(last=False)
        until = int(time.time()) + _LIFE_SECONDS
        url = f"{files_url}/{file_id}/content"
        return UploadTicket(file_id, url, made.token, f"{file_id}/{name}", until, LIMIT_BYTES)

    async def send(self, request: web.Request) -> ReceivedUpload:
        """Take the bytes of an announced file.

        Raises:
            Failure: 401, the token is not the one that it was announced with.
        """
        file_id = request.match_info["id"]
        found = self._announced.get(file_id)
        if found is None or request.headers.get("Authorization") != f"Bearer {found.token}":
            raise failed(401, "UNAUTHORIZED", "Invalid or expired upload token")
        found.content = await request.read()
        kind = kind_of(found.filename, found.mime_type)
        return ReceivedUpload(file_id, f"{file_id}/{found.filename}", len(found.content), kind)

    def complete(self, asked: dict[str, Any]) -> StoredFile | None:
        """Make a file of what was sent; None when nothing was."""
        file_id = str(asked.get("file_id") or "")
        found = self._announced.get(file_id)
        if found is None or found.content is None:
            return None
        del self._announced[file_id]
        return self._files.keep(file_id, found.filename, found.purpose, found.mime_type, found.content)
