"""Every MongoDB query of files. Their bytes are in GridFS, in the bucket `uploads`.

An upload is written down before its first byte and crossed out with the write that makes it a file, or after its last
byte was removed; likewise the removal of a file. So what a crash leaves behind is found without looking at every byte.
How much an operator stores changes in the same transaction as its files.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from gridfs.asynchronous import DEFAULT_CHUNK_SIZE, AsyncGridFSBucket
from gridfs.errors import CorruptGridFile, NoFile
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from kit.clock import Clock
from kit.mongo import Document, ensure_indexes, translated
from services.orchestrator.files.errors import FileNotFound, StorageQuotaExceeded, UploadExpired
from services.orchestrator.files.model import ATTACHMENT_PURPOSE, CATEGORIES, PENDING, File, Usage

BUCKET = "uploads"
_INDEXES = (
    IndexModel(
        [("metadata.operator_id", ASCENDING), ("metadata.created_at", DESCENDING), ("_id", DESCENDING)], name="recent"
    ),
    IndexModel(
        [("metadata.operator_id", ASCENDING), ("metadata.category", ASCENDING), ("length", ASCENDING)], name="usage"
    ),
    IndexModel(
        [("metadata.purpose", ASCENDING), ("metadata.created_at", ASCENDING)],
        name="attachments",
        partialFilterExpression={"metadata.purpose": ATTACHMENT_PURPOSE},
    ),
)
_OPEN_INDEXES = (
    IndexModel([("since", ASCENDING)], name="since"),
    IndexModel([("operator_id", ASCENDING)], name="operator"),
)
_WITHOUT_TEXT = {"metadata.text": False}


class Upload:
    """A file that is being stored.

    The driver's own stream keeps up to 32 MiB in memory before it writes anything; this one writes each chunk of GridFS
    as soon as it is full.
    """

    def __init__(self, store: FileStore, file_id: str) -> None:
        self._store = store
        self._file_id = file_id
        self._rest = bytearray()
        self._number = 0

    async def write(self, part: bytes) -> None:
        """Store more of its bytes."""
        self._rest += part
        while len(self._rest) >= DEFAULT_CHUNK_SIZE:
            await self._flush(DEFAULT_CHUNK_SIZE)

    async def finish(self, file: File, quota: int) -> None:
        """Make it a file.

        Raises:
            StorageQuotaExceeded: its operator has no room for it.
            UploadExpired: it was given up meanwhile.
        """
        await self.flush()
        await self._store.admit(file, quota)

    async def flush(self) -> None:
        """Store what has not filled a chunk."""
        if self._rest:
            await self._flush(len(self._rest))

    async def _flush(self, size: int) -> None:
        await self._store.add_chunk(self._file_id, self._number, bytes(self._rest[:size]))
        del self._rest[:size]
        self._number += 1


class FileStore:
    """The collections of files. Their shard key is the id of the file, as GridFS wants it.

    Args:
        database: the database of the orchestrator.
        clock: the time.
    """

    def __init__(self, database: AsyncDatabase[Document], clock: Clock) -> None:
        self._database = database
        self._bucket = AsyncGridFSBucket(database, bucket_name=BUCKET)
        self._files = database[f"{BUCKET}.files"]
        self._chunks = database[f"{BUCKET}.chunks"]
        self._open = database["uploads_open"]
        self._storage = database["storage"]
        self._clock = clock

    async def prepare(self) -> None:
        """Create the indexes, also that of GridFS."""
        await ensure_indexes(self._files, _INDEXES)
        pair = [("files_id", ASCENDING), ("n", ASCENDING)]
        await ensure_indexes(self._chunks, [IndexModel(pair, name="files_id_1_n_1", unique=True)])
        await ensure_indexes(self._open, _OPEN_INDEXES)

    @asynccontextmanager
    async def upload(self, file_id: str, operator_id: int, max_bytes: int) -> AsyncIterator[Upload]:
        """Begin to store a file; what is not finished is removed at the end. It counts as large as it may become."""
        record = {"_id": file_id, "operator_id": operator_id, "size": max_bytes, "since": self._clock.now()}
        async with translated():
            await self._open.insert_one(record)
        try:
            yield Upload(self, file_id)
        except BaseException:
            # Also when the client has gone: what is left then, the sweeper finds.
            await asyncio.shield(asyncio.ensure_future(self.remove_open(file_id)))
            raise

    @translated()
    async def add_chunk(self, file_id: str, number: int, data: bytes) -> None:
        """Store some bytes of a file that is not there yet."""
        await self._chunks.insert_one({"files_id": file_id, "n": number, "data": data})

    @translated()
    async def admit(self, file: File, quota: int) -> None:
        """Make a file of what was uploaded, if its operator has room for it."""
        await self._storage.update_one({"_id": file.operator_id}, {"$setOnInsert": {"used": 0}}, upsert=True)

        async def write(session: AsyncClientSession) -> None:
            room = {"_id": file.operator_id, "used": {"$lte": quota - file.size}}
            grown = await self._storage.update_one(room, {"$inc": {"used": file.size}}, session=session)
            if not grown.matched_count:
                raise StorageQuotaExceeded(quota)
            crossed = await self._open.delete_one({"_id": file.id, "given_up": None}, session=session)
            if not crossed.deleted_count:
                raise UploadExpired
            await self._files.insert_one(_document(file), session=session)

        await self._transact(write)

    @translated()
    async def delete(self, operator_id: int, file_id: str) -> bool:
        """Remove a file; tells whether there was one."""

        async def write(session: AsyncClientSession) -> bool:
            mine = {"_id": file_id, "metadata.operator_id": operator_id}
            document = await self._files.find_one_and_delete(mine, {"length": True}, session=session)
            if document is None:
                return False
            freed = {"$inc": {"used": -document["length"]}}
            await self._storage.update_one({"_id": operator_id}, freed, session=session)
            since = self._clock.now()
            record = {"_id": file_id, "operator_id": operator_id, "since": since, "given_up": True}
            await self._open.insert_one(record, session=session)
            return True

        if not await self._transact(write):
            return False
        await self.remove_open(file_id)
        return True

    @translated()
    async def remove_open(self, file_id: str) -> None:
        """Remove the bytes of an upload that does not become a file, or of a file that is removed."""
        found = await self._open.update_one({"_id": file_id}, {"$set": {"given_up": True}})
        if not found.matched_count:
            return
        await self._chunks.delete_many({"files_id": file_id})
        await self._open.delete_one({"_id": file_id})

    @translated()
    async def left_behind(self, before: datetime, limit: int) -> list[str]:
        """Return uploads and removals that began before a time and have not ended, the oldest first."""
        cursor = self._open.find({"since": {"$lt": before}}, {"_id": True}).sort("since", ASCENDING).limit(limit)
        return [document["_id"] for document in await cursor.to_list()]

    @translated()
    async def old_attachments(self, before: datetime, limit: int) -> list[File]:
        """Return attachments that are older than a time, the oldest first."""
        old = {"metadata.purpose": ATTACHMENT_PURPOSE, "metadata.created_at": {"$lt": before}}
        cursor = self._files.find(old, _WITHOUT_TEXT).sort("metadata.created_at", ASCENDING).limit(limit)
        return [_file(document) for document in await cursor.to_list()]

    @translated()
    async def find(self, operator_id: int, file_id: str) -> File | None:
        """Return a file of an operator."""
        document = await self._files.find_one({"_id": file_id, "metadata.operator_id": operator_id}, _WITHOUT_TEXT)
        return None if document is None else _file(document)

    @translated()
    async def page(self, operator_id: int, limit: int, offset: int) -> tuple[list[File], int]:
        """Return some of the files of an operator, newest first, and how many there are."""
        mine = {"metadata.operator_id": operator_id}
        cursor = self._files.find(mine, _WITHOUT_TEXT).sort([("metadata.created_at", DESCENDING), ("_id", DESCENDING)])
        documents = await cursor.skip(offset).limit(limit).to_list()
        return [_file(document) for document in documents], await self._files.count_documents(mine)

    async def read(self, file_id: str) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file in parts of about a quarter of a mebibyte.

        Raises:
            FileNotFound: it was removed.
        """
        try:
            async with translated():
                stream = await self._bucket.open_download_stream(file_id)
            async with stream:
                while True:
                    async with translated():
                        part = await stream.readchunk()
                    if not part:
                        return
                    yield part
        except (NoFile, CorruptGridFile):
            raise FileNotFound(file_id) from None

    @translated()
    async def used(self, operator_id: int) -> int:
        """Return how many bytes an operator stores."""
        document = await self._storage.find_one({"_id": operator_id})
        return 0 if document is None else int(document["used"])

    @translated()
    async def usage(self, operator_id: int) -> list[Usage]:
        """Return what an operator stores, by category."""
        group = {"_id": "$metadata.category", "size": {"$sum": "$length"}, "count": {"$sum": 1}}
        cursor = await self._files.aggregate([{"$match": {"metadata.operator_id": operator_id}}, {"$group": group}])
        found = {each["_id"]: Usage(each["_id"], each["size"], each["count"]) for each in await cursor.to_list()}
        found[PENDING] = await self.pending(operator_id)
        return [found.get(category, Usage(category)) for category in CATEGORIES]

    @translated()
    async def pending(self, operator_id: int) -> Usage:
        """Return what an operator's uploads take that are no files yet; those under way, what they may take."""
        group = {"_id": None, "size": {"$sum": "$size"}, "count": {"$sum": 1}}
        mine = {"operator_id": operator_id, "given_up": None}
        for found in await (await self._open.aggregate([{"$match": mine}, {"$group": group}])).to_list():
            return Usage(PENDING, found["size"], found["count"])
        return Usage(PENDING)

    @translated()
    async def keep_open(self, file_id: str, size: int) -> None:
        """Note that all bytes of an upload have come; they are kept for a while, until it is made a file."""
        await self._open.update_one({"_id": file_id}, {"$set": {"size": size, "since": self._clock.now()}})

    @translated()
    async def text(self, file: File) -> str | None:
        """Return the text of a file that was kept, None when none was."""
        document = await self._files.find_one({"_id": file.id}, {"metadata.text": True})
        text: str | None = (document or {}).get("metadata", {}).get("text")
        return text

    @translated()
    async def keep_text(self, file: File, text: str) -> None:
        """Keep the text of a file, as long as the file is kept."""
        mine = {"_id": file.id, "metadata.operator_id": file.operator_id}
        await self._files.update_one(mine, {"$set": {"metadata.text": text}})

    async def _transact(self, write: Any) -> Any:
        async with self._database.client.start_session() as session:
            return await session.with_transaction(write)


def _document(file: File) -> Document:
    return {
        "_id": file.id,
        "filename": file.filename,
        "length": file.size,
        "chunkSize": DEFAULT_CHUNK_SIZE,
        "uploadDate": file.created_at,
        "metadata": {
            "operator_id": file.operator_id,
            "purpose": file.purpose,
            "mime_type": file.mime_type,
            "category": file.category,
            "created_at": file.created_at,
        },
    }


def _file(document: Document) -> File:
    metadata = document["metadata"]
    return File(
        id=document["_id"],
        operator_id=metadata["operator_id"],
        filename=document["filename"],
        purpose=metadata["purpose"],
        size=document["length"],
        mime_type=metadata["mime_type"],
        created_at=metadata["created_at"],
    )
