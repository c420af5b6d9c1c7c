"""Announced uploads: a token for the bytes of one file, the bytes, and the file."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from kit.caller import WRITE, Caller
from kit.ids import new_id
from services.orchestrator.access import operator_of
from services.orchestrator.files.errors import FileNotFound, FileTooLarge, StorageQuotaExceeded, UploadExpired
from services.orchestrator.files.model import DEFAULT_PURPOSE, MAX_FILE_BYTES, File, NewFile, clean_filename
from services.orchestrator.files.service import UPLOAD_SECONDS, transfer
from services.orchestrator.files.sniffing import Sniffer
from services.orchestrator.uploads.errors import (
    FileAlreadyCompleted,
    FileContentNotFound,
    PathnameWrong,
    UploadTokenInvalid,
)
from services.orchestrator.uploads.model import LIFETIME, SENT, PendingUpload

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.files.store import FileStore
    from services.orchestrator.uploads.store import UploadStore

_MARK = "pwu_"


class UploadService:
    """The use cases of announced uploads.

    Args:
        store: what was announced.
        files: where bytes and files are kept.
        clock: the time.
        quota: how many bytes the files of an operator may take.
    """

    def __init__(self, store: UploadStore, files: FileStore, clock: Clock, quota: int) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._quota = quota

    async def create(self, caller: Caller, new: NewFile, size: int) -> tuple[PendingUpload, str]:
        """Announce a file of a size, 0 when it is not known; return it with the token for its bytes.

        Raises:
            FileTooLarge: no file may be so large.
            StorageQuotaExceeded: the operator has no room for it.
        """
        operator_id = operator_of(caller, WRITE)
        if size > MAX_FILE_BYTES:
            raise FileTooLarge
        if await self._files.used(operator_id) + max(size, 1) > self._quota:
            raise StorageQuotaExceeded(self._quota)
        token = _MARK + secrets.token_urlsafe(32)
        upload = PendingUpload(
            id=f"file-{new_id()}",
            operator_id=operator_id,
            filename=clean_filename(new.filename),
            purpose=new.purpose or DEFAULT_PURPOSE,
            claimed_type=new.mime_type,
            max_bytes=size or MAX_FILE_BYTES,
            expires_at=self._clock.now() + LIFETIME,
        )
        await self._store.insert(upload, _digest(token))
        return upload, token

    async def send(self, file_id: str, token: str, chunks: AsyncIterator[bytes]) -> PendingUpload:
        """Take the bytes of an announced file as they come.

        The token is used up, however it ends, unless there is no room: then it can be used once there is. What ends
        badly leaves nothing behind, and what is never completed is removed like an upload that broke off.

        Raises:
            UploadTokenInvalid: the token is not that of the file, was used, or has expired.
            FileEmpty: there are no bytes.
            FileTooLarge: there are more than were announced.
            FileTypeUnsupported: no run can use such files.
            StorageQuotaExceeded: the operator has no room for it.
            UploadExpired: it took too long.
        """
        upload = await self._store.take(file_id, _digest(token), self._clock.now())
        if upload is None:
            raise UploadTokenInvalid
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                return await self._keep(upload, chunks)
        except TimeoutError:
            raise UploadExpired from None
        except StorageQuotaExceeded:
            await self._store.give_back(upload, _digest(token))
            raise

    async def complete(self, caller: Caller, file_id: str, pathname: str) -> File:
        """Make a file of what was sent.

        Raises:
            FileNotFound: nothing of that id was announced, or somebody else did, or it is long ago.
            PathnameWrong: the path is another one's.
            FileContentNotFound: its bytes were not sent.
            FileAlreadyCompleted: it is a file already.
            StorageQuotaExceeded: the operator has no room for it.
            UploadExpired: what was sent is removed already.
        """
        operator_id = operator_of(caller, WRITE)
        if await self._files.find(operator_id, file_id) is not None:
            raise FileAlreadyCompleted(file_id)
        upload = await self._store.find(operator_id, file_id)
        if upload is None:
            raise FileNotFound(file_id)
        if pathname and pathname != upload.pathname:
            raise PathnameWrong
        if upload.state != SENT:
            raise FileContentNotFound(file_id)
        file = File(
            id=file_id,
            operator_id=operator_id,
            filename=upload.filename,
            purpose=upload.purpose,
            size=upload.size,
            mime_type=upload.mime_type,
            created_at=self._clock.now(),
        )
        await self._admit(file)
        await self._store.remove(file_id)
        return file

    async def _keep(self, upload: PendingUpload, chunks: AsyncIterator[bytes]) -> PendingUpload:
        async with self._files.upload(upload.id, upload.operator_id, upload.max_bytes) as content:
            await self._require_room(upload.operator_id)
            sniffer = Sniffer(upload.filename, upload.claimed_type)
            size, kind = await transfer(chunks, sniffer, content.write, upload.max_bytes)
            await content.flush()
            await self._files.keep_open(upload.id, size)
            sent = await self._store.sent(upload.id, size, kind, self._clock.now() + LIFETIME)
            if sent is None:
                raise UploadExpired
            return sent

    async def _admit(self, file: File) -> None:
        try:
            await self._files.admit(file, self._quota)
        except UploadExpired:
            # Of two that complete it at once, one comes too late.
            if await self._files.find(file.operator_id, file.id) is not None:
                raise FileAlreadyCompleted(file.id) from None
            raise

    async def _require_room(self, operator_id: int) -> None:
        """Check that all uploads would fit that are no files yet, each as large as it is, or may become."""
        pending = await self._files.pending(operator_id)
        if await self._files.used(operator_id) + pending.size > self._quota:
            raise StorageQuotaExceeded(self._quota)


def _digest(token: str) -> bytes:
    # 256 bits from the operating system: a plain hash is as strong as a slow one would be.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
