"""MongoDB: one way to connect, and what its errors mean to the domain."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, TypeVar

from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.monitoring import CommandListener

from kit.errors import Unavailable

Document = dict[str, Any]
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_DUPLICATE_KEY = 11000
_DUPLICATE_INDEX_NAME = re.compile(r"index: (\S+) dup key")
# The definition of an index that exists under this name, or under another one, differs.
_INDEX_CONFLICTS = frozenset({85, 86})
# Another replica builds, or a database of that name is on its way out: the same call works a moment later.
_INDEX_RETRIES = frozenset({112, 117, 215, 246, 276})
_INDEX_ATTEMPTS = 20
_INDEX_PAUSE_SECONDS = 0.05


def connect(
    uri: str,
    *,
    app_name: str,
    server_selection_timeout_ms: int = 15_000,
    listeners: Sequence[CommandListener] = (),
) -> AsyncMongoClient[Document]:
    """Return a client of the MongoDB at `uri`; it connects with the first operation and is closed with `close()`.

    Writes are acknowledged after a majority has them in its journal; reads and writes that a lost connection or an
    election interrupted are tried again once. Times come back in UTC with their time zone.

    Args:
        uri: the connection string.
        app_name: what the server's log calls this client.
        server_selection_timeout_ms: how long an operation waits for a primary; it outlasts an election and the restart
            of an embedded server.
        listeners: what is told of every command, see `kit.telemetry`.
    """
    return AsyncMongoClient(
        uri,
        appname=app_name,
        maxPoolSize=16,
        tz_aware=True,
        tzinfo=UTC,
        w="majority",
        journal=True,
        retryReads=True,
        retryWrites=True,
        connectTimeoutMS=5_000,
        waitQueueTimeoutMS=15_000,
        serverSelectionTimeoutMS=server_selection_timeout_ms,
        event_listeners=list(listeners),
    )


def duplicate_index(error: BaseException | Mapping[str, Any]) -> str | None:
    """Return the name of the unique index that refused a write, None when the error is another one.

    Args:
        error: an exception of a single write, or one entry of `writeErrors` in the details of a `BulkWriteError`.
    """
    if isinstance(error, BaseException):
        if not isinstance(error, OperationFailure) or error.code != _DUPLICATE_KEY:
            return None
        text = str((error.details or {}).get("errmsg") or error)
    else:
        if error.get("code") != _DUPLICATE_KEY:
            return None
        text = str(error.get("errmsg", ""))
    found = _DUPLICATE_INDEX_NAME.search(text)
    return found.group(1) if found is not None else ""


def is_duplicate(error: BaseException | Mapping[str, Any], index: str) -> bool:
    """Tell whether the unique index called `index` refused the write (`_id_` is the index of the ids)."""
    return duplicate_index(error) == index


async def ensure_indexes(collection: AsyncCollection[Document], specs: Sequence[IndexModel]) -> None:
    """Create the indexes that are missing. Several replicas may do so at once, and again at every start.

    Raises:
        RuntimeError: an index exists with another definition; a migration has to settle that.
        Unavailable: MongoDB cannot be reached.
    """
    if not specs:
        return
    for attempt in range(1, _INDEX_ATTEMPTS + 1):
        try:
            async with translated():
                await collection.create_indexes(list(specs))
        except OperationFailure as error:
            if error.code in _INDEX_CONFLICTS:
                raise RuntimeError(f"an index of {collection.full_name} has another definition: {error}") from error
            if error.code not in _INDEX_RETRIES or attempt == _INDEX_ATTEMPTS:
                raise
            await asyncio.sleep(_INDEX_PAUSE_SECONDS)
        else:
            return


def is_outage(error: BaseException) -> bool:
    """Tell whether `error` says that MongoDB cannot be reached, has no primary or did not confirm a write in time.

    After such an error of a write it is not known whether the write took place.
    """
    if isinstance(error, BulkWriteError):
        # Whatever was refused besides, the rest was not confirmed: the server went down before the journal was written.
        return bool(error.details.get("writeConcernErrors"))
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WriteConcernError):
        return True
    return isinstance(error, PyMongoError) and (error.timeout or error.has_error_label("RetryableWriteError"))


class translated:  # noqa: N801 - reads as what it does: `async with translated():`
    """Turns the connection errors of MongoDB into `kit.errors.Unavailable`; every other error passes unchanged.

    Use as `async with translated():`, `with translated():` or as the decorator `@translated()` of a coroutine function.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and is_outage(error):
            _raise_unavailable(error)

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and is_outage(error):
            _raise_unavailable(error)

    def __call__(
        self, function: Callable[_Parameters, Awaitable[_Result]]
    ) -> Callable[_Parameters, Awaitable[_Result]]:
        """Return `function` with its errors translated."""

        @functools.wraps(function)
        async def call(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
            with self:
                return await function(*args, **kwargs)

        return call


def _raise_unavailable(error: BaseException) -> NoReturn:
    # The words of the driver name hosts and ports: they stay in the chain for the log and out of the message.
    raise Unavailable("DATABASE_UNAVAILABLE", "The database cannot be reached now", retry_after_seconds=1) from error
