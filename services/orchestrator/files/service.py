"""Files: stored while they come, read, removed, and their texts for those who work with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from kit.caller import READ, WRITE, Caller
from kit.ids import new_id
from services.orchestrator.access import operator_of
from services.orchestrator.files.errors import (
    FileEmpty,
    FileNotFound,
    FileTooLarge,
    FileTypeUnsupported,
    StorageQuotaExceeded,
    UploadExpired,
)
from services.orchestrator.files.model import (
    ATTACHMENT_PURPOSE,
    ATTACHMENT_WAIT,
    DEFAULT_PURPOSE,
    File,
    NewFile,
    Usage,
    clean_filename,
)
from services.orchestrator.files.sniffing import SUPPORTED, Sniffer

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.files.store import FileStore

UPLOAD_SECONDS = 600.0
_DEFAULT_FILES = 20


class Reader(Protocol):
    """Reads the texts of files."""

    async def text(self, file: File) -> str:
        """Return the text of a file, with a note in brackets where there is none or not all of it."""
        ...


class FileService:
    """The use cases of files.

    Args:
        store: where they are kept.
        reader: reads their texts.
        clock: the time.
        quota: how many bytes the files of an operator may take.
    """

    def __init__(self, store: FileStore, reader: Reader, clock: Clock, quota: int) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock
        self.quota = quota

    async def upload(self, caller: Caller, new: NewFile, chunks: AsyncIterator[bytes]) -> File:
        """Store a file from its bytes as they come. What is not stored to its end leaves nothing behind.

        Raises:
            FileEmpty: there are no bytes.
            FileTooLarge: there are too many.
            FileTypeUnsupported: no run can use such files.
            StorageQuotaExceeded: the operator has no room for it.
            UploadExpired: it took too long.
        """
        operator_id = operator_of(caller, WRITE)
        if await self._store.used(operator_id) >= self.quota:
            raise StorageQuotaExceeded(self.quota)
        file_id, filename, most = f"file-{new_id()}", clean_filename(new.filename), new.max_bytes
        try:
            async with asyncio.timeout(UPLOAD_SECONDS), self._store.upload(file_id, operator_id, most) as upload:
                size, kind = await transfer(chunks, Sniffer(filename, new.mime_type), upload.write, most)
                file = File(
                    id=file_id,
                    operator_id=operator_id,
                    filename=filename,
                    purpose=new.purpose or DEFAULT_PURPOSE,
                    size=size,
                    mime_type=kind,
                    created_at=self._clock.now(),
                )
                await upload.finish(file, self.quota)
                return file
        except TimeoutError:
            raise UploadExpired from None

    async def attach(self, caller: Caller, filename: str, mime_type: str, content: bytes) -> str:
        """Store a file that goes with one run; returns its id.

        Raises:
            As `upload`.
        """

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        return (await self.upload(caller, NewFile(filename, ATTACHMENT_PURPOSE, mime_type), chunks())).id

    async def attached(self, operator_id: int, file_ids: Sequence[str]) -> Sequence[str]:
        """Return those of an operator's files that were stored to go with a run, a short while ago."""
        found = [await self._store.find(operator_id, file_id) for file_id in dict.fromkeys(file_ids)]
        since = self._clock.now() - ATTACHMENT_WAIT
        return [file.id for file in found if file and file.purpose == ATTACHMENT_PURPOSE and file.created_at >= since]

    async def list(self, caller: Caller, limit: int, offset: int) -> tuple[Sequence[File], int]:
        """Return a page of the caller's files, newest first, and how many there are."""
        return await self._store.page(operator_of(caller, READ), limit or _DEFAULT_FILES, offset)

    async def get(self, caller: Caller, file_id: str) -> File:
        """Return what a file is.

        Raises:
            FileNotFound: there is none, or it belongs to somebody else.
        """
        return await self._found(operator_of(caller, READ), file_id)

    async def content(self, caller: Caller, file_id: str) -> tuple[File, AsyncGenerator[bytes, None]]:
        """Return what a file is, and its bytes in parts.

        Raises:
            FileNotFound: there is none, or it belongs to somebody else; also while reading, when it is removed then.
        """
        file = await self.get(caller, file_id)
        return file, self._store.read(file_id)

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Remove a file.

        Raises:
            FileNotFound: there is none, or it belongs to somebody else.
        """
        if not await self._store.delete(operator_of(caller, WRITE), file_id):
            raise FileNotFound(file_id)

    async def storage(self, caller: Caller) -> Sequence[Usage]:
        """Return what the caller's files take, by category."""
        return await self._store.usage(operator_of(caller, READ))

    async def require(self, operator_id: int, file_ids: Sequence[str]) -> None:
        """Check that all files are there and belong to an operator.

        Raises:
            FileNotFound: one does not.
        """
        for file_id in file_ids:
            await self._found(operator_id, file_id)

    async def texts(self, operator_id: int, file_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return names and texts of files; a note in brackets stands for what has none, or was removed meanwhile."""
        found: list[tuple[str, str]] = []
        for file_id in file_ids:
            file = await self._store.find(operator_id, file_id)
            if file is None:
                found.append((file_id, "[The file does not exist any more.]"))
            else:
                found.append((file.filename, await self._text(file)))
        return found

    async def _text(self, file: File) -> str:
        text = await self._store.text(file)
        if text is None:
            text = await self._reader.text(file)
            await self._store.keep_text(file, text)
        return text

    async def _found(self, operator_id: int, file_id: str) -> File:
        file = await self._store.find(operator_id, file_id)
        if file is None:
            raise FileNotFound(file_id)
        return file


async def transfer(
    chunks: AsyncIterator[bytes],
    sniffer: Sniffer,
    write: Callable[[bytes], Awaitable[None]],
    limit: int,
) -> tuple[int, str]:
    """Write what comes; return how much it was, and what it is.

    Raises:
        FileEmpty, FileTooLarge, FileTypeUnsupported: it cannot be a file.
    """
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise FileTooLarge(limit)
        sniffer.add(chunk)
        _require_supported(sniffer.early())
        await write(chunk)
    if not size:
        raise FileEmpty
    kind = sniffer.result()
    _require_supported(kind)
    return size, kind


def _require_supported(kind: str | None) -> None:
    if kind is not None and kind not in SUPPORTED:
        raise FileTypeUnsupported(kind)
