"""Optimistic concurrency at the price of a lookup by id.

An update filtered by `{_id, version}` is planned anew each time, which costs the server almost as much as the update.
Here an update finds its document by `_id` alone and says which version it makes: `$inc` counts `version` up, `$set`
states `intended_version`, and a validator of the collection refuses a document in which the two differ, because another
write was faster. Documents that were only inserted need not state it.

Updates go as one command that the driver does not repeat: a repeatable one stores a record of its own per update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError, WriteConcernError

from kit.mongo import Document, translated

VERSION, INTENDED_VERSION = "version", "intended_version"
_VALIDATOR = {"$expr": {"$eq": [f"${VERSION}", {"$ifNull": [f"${INTENDED_VERSION}", f"${VERSION}"]}]}}
# For an update with a pipeline, of documents whatever version they have.
NEXT_VERSION = {name: {"$add": [f"${VERSION}", 1]} for name in (VERSION, INTENDED_VERSION)}
_VALIDATION_FAILED = 121
_NAMESPACE_EXISTS = 48
# The server takes messages of 48 MB.
_MAX_COMMAND_BYTES = 32 * 1024 * 1024


class Verdict(msgspec.Struct, frozen=True):
    """What the server said of a batch of updates.

    Attributes:
        errors: why it refused an update, by the place of that update in the batch.
        matched: how many documents were found and changed.
        certain: False when the batch was sent again after a lost answer: what is refused may have landed before.
    """

    errors: dict[int, Mapping[str, Any]]
    matched: int
    certain: bool


async def guard_versions(collection: AsyncCollection[Document]) -> None:
    """Make the collection refuse writes to another version than they were meant for. Every start may call it.

    Raises:
        Unavailable: MongoDB cannot be reached.
    """
    async with translated():
        try:
            await collection.database.command({"create": collection.name, "validator": _VALIDATOR})
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
            await collection.database.command({"collMod": collection.name, "validator": _VALIDATOR})


def versioned(put: Mapping[str, Any], remove: Mapping[str, Any], version: int) -> Document:
    """Return the modifiers of an update that makes `version` out of the version before it, and of no other.

    Args:
        put: fields to set.
        remove: names of fields to unset.
        version: the version after the update.
    """
    update: Document = {"$inc": {VERSION: 1}, "$set": {**put, INTENDED_VERSION: version}}
    if remove:
        update["$unset"] = remove
    return update


def is_outdated(error: BaseException | Mapping[str, Any]) -> bool:
    """Tell whether a write was refused because the document has another version by now.

    Args:
        error: an exception of a single write, or one of `Verdict.errors`.
    """
    code = error.get("code") if isinstance(error, Mapping) else getattr(error, "code", None)
    return code == _VALIDATION_FAILED


async def update_each(
    collection: AsyncCollection[Document], updates: Sequence[tuple[str, Mapping[str, Any]]]
) -> Verdict:
    """Write updates, each of one document: its id and its modifiers, which `versioned` made.

    Raises:
        PyMongoError: MongoDB cannot be reached or did not confirm; any part may have landed.
    """
    errors: dict[int, Mapping[str, Any]] = {}
    matched, certain = 0, True
    for first, statements in _commands(updates):
        try:
            reply = await _send(collection, statements)
        except ServerSelectionTimeoutError:
            raise
        except (AutoReconnect, WriteConcernError):
            # As the driver does: the second time waits for a primary.
            certain = False
            reply = await _send(collection, statements)
        matched += reply["n"]
        errors |= {first + error["index"]: error for error in reply.get("writeErrors", ())}
    return Verdict(errors, matched, certain)


def _commands(updates: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[int, list[RawBSONDocument]]]:
    """Yield the updates in parts that fit into one message, each with the place of its first."""
    first, size = 0, 0
    part: list[RawBSONDocument] = []
    for place, (document_id, modifiers) in enumerate(updates):
        raw = encode({"q": {"_id": document_id}, "u": modifiers})
        if part and size + len(raw) > _MAX_COMMAND_BYTES:
            yield first, part
            first, size, part = place, 0, []
        part.append(RawBSONDocument(raw))
        size += len(raw)
    if part:
        yield first, part


async def _send(collection: AsyncCollection[Document], statements: list[RawBSONDocument]) -> Document:
    command = {
        "update": collection.name,
        "ordered": False,
        "writeConcern": collection.write_concern.document,
        "updates": statements,
    }
    reply: Document = await collection.database.command(command)
    unconfirmed = reply.get("writeConcernError")
    if unconfirmed is not None:
        raise WriteConcernError(str(unconfirmed.get("errmsg")), unconfirmed.get("code"), unconfirmed)
    return reply
