"""A lean HTTP/1.1 keep-alive client on a raw asyncio Protocol, and the closed loop that drives it.

The same client drives the echo, the floor and the product, so its own cost is in both sides of every ratio.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, cast

import msgspec

from bench.cpu import used_seconds

REPLY_TIMEOUT_SECONDS = 60.0


class Reply(NamedTuple):
    """One answer: the HTTP status and the whole body."""

    status: int
    body: bytes


class Series(msgspec.Struct, kw_only=True):
    """What one measurement saw.

    Attributes:
        seconds: from the first measured request to the last measured answer.
        latencies_ms: one per measured operation, in the order of the answers.
        tasks: tasks that the operations created or ended; what rates are made of.
        statuses: answers by HTTP status (or outcome); a healthy run holds one kind.
        facts: numbers that belong to this scenario alone.
    """

    seconds: float
    latencies_ms: list[float]
    tasks: int
    statuses: dict[str, int] = {}
    facts: dict[str, float] = {}

    @property
    def rate(self) -> float:
        """Tasks per second."""
        return self.tasks / self.seconds if self.seconds > 0 else 0.0


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Reply] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._body_at = -1
        self._length = -1
        self._status = 0

    @classmethod
    async def open(cls, host: str, port: int) -> Connection:
        """Connect to `host`:`port`."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, host, port)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's transports share no class with asyncio's

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def send(self, message: bytes) -> asyncio.Future[Reply]:
        """Write one whole request; the future is its reply.

        Raises:
            ConnectionError: the connection ends before the reply is complete (set on the future).
        """
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return self._waiter

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._body_at < 0 and not self._read_head():
            return
        if self._length >= 0:
            end = self._body_at + self._length
            if len(self._buffer) >= end:
                self._finish(bytes(self._buffer[self._body_at : end]))
        elif self._buffer.endswith(b"0\r\n\r\n"):
            self._finish(unchunk(bytes(self._buffer[self._body_at :])))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._body_at = end + 4
        self._status = int(self._buffer[9:12])
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            stop = head.find(b"\r\n", at + 2)
            self._length = int(head[at + 17 : stop if stop > 0 else end])
        elif b"\r\ntransfer-encoding: chunked" in head:
            self._length = -1
        else:
            self._length = 0
        return True

    def _finish(self, body: bytes) -> None:
        self._buffer.clear()
        self._body_at = -1
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(Reply(self._status, body))


def unchunk(data: bytes) -> bytes:
    """Join the chunks of a complete chunked body."""
    out = bytearray()
    at = 0
    while True:
        line = data.index(b"\r\n", at)
        size = int(data[at:line].split(b";")[0], 16)
        if size == 0:
            return bytes(out)
        out += data[line + 2 : line + 2 + size]
        at = line + 2 + size + 2


def request(method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
    """The bytes of one HTTP/1.1 request with a JSON body."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return f"{head}\r\n".encode("ascii") + body


class Clock:
    """Times replies and counts their statuses; `clear` forgets the warm-up."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self.statuses: Counter[str] = Counter()

    async def timed(self, connection: Connection, message: bytes) -> Reply:
        """Send `message` and record how long its reply took, in milliseconds."""
        begun = time.perf_counter()
        reply = await connection.send(message)
        self.latencies_ms.append((time.perf_counter() - begun) * 1000.0)
        self.statuses[str(reply.status)] += 1
        return reply

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self.latencies_ms.clear()
        self.statuses.clear()

    def series(self, span: Span, *, tasks_each: int = 1, share: float = 1.0) -> Series:
        """What was recorded, as a series.

        Args:
            tasks_each: tasks that belong to each operation.
            share: the part of the span that these operations took.
        """
        tasks = len(self.latencies_ms) * tasks_each
        return Series(
            seconds=span.seconds * share,
            latencies_ms=self.latencies_ms,
            tasks=tasks,
            statuses=dict(self.statuses),
            facts=span.per_task(tasks) if share == 1.0 else {},
        )


Turn = Callable[[Connection, int], Awaitable[bool]]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much load, and where it ends.

    Attributes:
        concurrency: connections, each with at most one request in flight.
        warmup: operations that run first, outside the count and the time.
        count: the most operations that are started.
        seconds: no operation starts later than this after the warm-up.
    """

    concurrency: int
    warmup: int
    count: int
    seconds: float


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a platform listens and how to get in.

    Attributes:
        token: sent as `Authorization: Bearer`; empty sends none.
        grpc: address of the tasks service, `host:port`; empty when it has none.
        caller: signed caller of gRPC requests.
        project: id of the project that the job works on.
        type_id: task type of the tasks that the job creates.
        server_pids: the processes of the server, whose processor time is taken.
        database_pids: likewise of its database.
    """

    host: str
    port: int
    token: str = ""
    grpc: str = ""
    caller: str = ""
    project: str = ""
    type_id: str = ""
    server_pids: tuple[int, ...] = ()
    database_pids: tuple[int, ...] = ()


class Span(NamedTuple):
    """A measured stretch of time: its length, and the processor time that the site's processes used in it (seconds)."""

    seconds: float
    server_cpu: float
    database_cpu: float

    def per_task(self, tasks: int) -> dict[str, float]:
        """Processor time per task in microseconds, as facts of a series."""
        share = 1e6 / max(1, tasks)
        return {"server_cpu_us": self.server_cpu * share, "database_cpu_us": self.database_cpu * share}


class Stopwatch:
    """Runs from its making until `stop`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._server = used_seconds(site.server_pids)
        self._database = used_seconds(site.database_pids)
        self._begun = time.perf_counter()

    def stop(self) -> Span:
        """The span until now."""
        seconds = time.perf_counter() - self._begun
        server = used_seconds(self._site.server_pids) - self._server
        return Span(seconds, server, used_seconds(self._site.database_pids) - self._database)


async def closed_loop(site: Site, turn: Turn, bounds: Bounds, clocks: Sequence[Clock]) -> Span:
    """Run `turn(connection, worker)` on every connection until it says False or a bound is reached.

    Args:
        turn: one operation of one worker; False ends that worker.
        clocks: what `turn` records into; the warm-up is cleared from them.

    Returns:
        The span from the end of the warm-up to the last answer.
    """
    connections = [await Connection.open(site.host, site.port) for _ in range(bounds.concurrency)]
    try:
        async with asyncio.timeout(bounds.seconds + 2 * REPLY_TIMEOUT_SECONDS):
            await _spend(connections, turn, bounds.warmup, bounds.seconds)
            for clock in clocks:
                clock.clear()
            watch = Stopwatch(site)
            await _spend(connections, turn, bounds.count, bounds.seconds)
            return watch.stop()
    finally:
        for connection in connections:
            connection.close()


async def _spend(connections: list[Connection], turn: Turn, count: int, seconds: float) -> None:
    left = count
    deadline = time.perf_counter() + seconds

    async def work(worker: int, connection: Connection) -> None:
        nonlocal left
        while left > 0 and time.perf_counter() < deadline:
            left -= 1
            if not await turn(connection, worker):
                return

    async with asyncio.TaskGroup() as group:
        for worker, connection in enumerate(connections):
            group.create_task(work(worker, connection))
