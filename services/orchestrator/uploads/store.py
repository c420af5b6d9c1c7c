"""Announced uploads in MongoDB. A token is stored as its hash alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import Document, ensure_indexes, translated
from services.orchestrator.uploads.model import LIFETIME, SENDING, SENT, WAITING, PendingUpload

_NATIVE = (datetime,)


class UploadStore:
    """The collection of announced uploads. The shard key is the id of the file.

    Args:
        database: the database of the orchestrator.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._uploads = database["uploads_announced"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._uploads, [IndexModel([("expires_at", ASCENDING)], name="expires_at")])

    @translated()
    async def insert(self, upload: PendingUpload, digest: bytes) -> None:
        """Store a new one with the hash of its token."""
        fields: dict[str, Any] = msgspec.to_builtins(upload, builtin_types=_NATIVE)
        await self._uploads.insert_one({"_id": fields.pop("id"), **fields, "token": digest})

    @translated()
    async def take(self, file_id: str, digest: bytes, now: datetime) -> PendingUpload | None:
        """Use up the token of an upload, and return what it was; None when that is not its token, or not any more."""
        wanted = {"_id": file_id, "token": digest, "state": WAITING, "expires_at": {"$gt": now}}
        used_up = {"$set": {"state": SENDING, "expires_at": now + LIFETIME}, "$unset": {"token": ""}}
        document = await self._uploads.find_one_and_update(wanted, used_up)
        return None if document is None else _upload(document)

    @translated()
    async def give_back(self, upload: PendingUpload, digest: bytes) -> None:
        """Let the token of an upload be used again, as long as it could be before it was taken."""
        waiting = {"state": WAITING, "expires_at": upload.expires_at, "token": digest}
        await self._uploads.update_one({"_id": upload.id, "state": SENDING}, {"$set": waiting})

    @translated()
    async def sent(self, file_id: str, size: int, mime_type: str, until: datetime) -> PendingUpload | None:
        """Note that all bytes have come, and until when it can be completed; None when it is forgotten meanwhile."""
        change = {"state": SENT, "size": size, "mime_type": mime_type, "expires_at": until}
        document = await self._uploads.find_one_and_update(
            {"_id": file_id, "state": SENDING}, {"$set": change}, return_document=ReturnDocument.AFTER
        )
        return None if document is None else _upload(document)

    @translated()
    async def find(self, operator_id: int, file_id: str) -> PendingUpload | None:
        """Return an upload of an operator."""
        document = await self._uploads.find_one({"_id": file_id, "operator_id": operator_id})
        return None if document is None else _upload(document)

    @translated()
    async def remove(self, file_id: str) -> None:
        """Forget an upload."""
        await self._uploads.delete_one({"_id": file_id})

    @translated()
    async def remove_expired(self, now: datetime) -> int:
        """Forget all uploads whose time is over; return how many there were."""
        removed = await self._uploads.delete_many({"expires_at": {"$lte": now}})
        return removed.deleted_count


def _upload(document: Document) -> PendingUpload:
    return msgspec.convert({**document, "id": document["_id"]}, PendingUpload)
