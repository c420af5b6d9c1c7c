"""Stands between a client and MongoDB, and cuts connections just when the answer to a commit is on its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_COMMIT = b"commitTransaction"


class Cutter:
    """A way to MongoDB.

    Args:
        host: of MongoDB.
        port: of MongoDB.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self.to_cut = 0
        self.cuts = 0
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Cutter]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        doomed = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, up_writer, doomed))
                group.create_task(self._answers(up_reader, writer, doomed))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            up_writer.close()

    async def _requests(
        self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await reader.read(1 << 16):
            if _COMMIT in chunk and self.to_cut:
                self.to_cut -= 1
                doomed.set()
            up_writer.write(chunk)
            await up_writer.drain()
        raise ConnectionResetError

    async def _answers(
        self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while chunk := await up_reader.read(1 << 16):
            if doomed.is_set():
                self.cuts += 1
                raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()
        raise ConnectionResetError
