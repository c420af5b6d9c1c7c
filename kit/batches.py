"""Batches of writes to one collection, each as few commands as fit into messages.

The driver's own batches are repeatable: the server stores a record for each batch of inserts and for each update, by
which it would know them again. Here a command is just sent once more when its answer was lost, and whoever wrote finds
out what of it had landed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError, WriteConcernError

from kit.mongo import Document

_STATEMENTS = {"insert": "documents", "update": "updates"}
# The server takes messages of 48 MB.
_MAX_COMMAND_BYTES = 32 * 1024 * 1024


class Verdict(msgspec.Struct, frozen=True):
    """What the server said of a batch of writes.

    Attributes:
        errors: why it refused a write, by the place of that write in the batch.
        written: how many documents were inserted, or found and updated.
        certain: False when the batch was sent again after a lost answer: what is refused may have landed before.
    """

    errors: dict[int, Mapping[str, Any]]
    written: int
    certain: bool


async def write_each(
    collection: AsyncCollection[Document], kind: Literal["insert", "update"], statements: Iterable[Document]
) -> Verdict:
    """Write each statement on its own: a document to insert, or an update as the server's command has it.

    Raises:
        PyMongoError: MongoDB cannot be reached or did not confirm; any part may have landed.
    """
    errors: dict[int, Mapping[str, Any]] = {}
    written, certain = 0, True
    for first, part in _parts(statements):
        command = {
            kind: collection.name,
            "ordered": False,
            "writeConcern": collection.write_concern.document,
            _STATEMENTS[kind]: part,
        }
        try:
            reply = await _send(collection, command)
        except ServerSelectionTimeoutError:
            raise
        except (AutoReconnect, WriteConcernError):
            # As the driver does: the second time waits for a primary.
            certain = False
            reply = await _send(collection, command)
        written += reply["n"]
        errors |= {first + error["index"]: error for error in reply.get("writeErrors", ())}
    return Verdict(errors, written, certain)


def _parts(statements: Iterable[Document]) -> Iterator[tuple[int, list[RawBSONDocument]]]:
    """Yield the statements in parts that fit into one message, each with the place of its first."""
    first, size = 0, 0
    part: list[RawBSONDocument] = []
    for place, statement in enumerate(statements):
        raw = encode(statement)
        if part and size + len(raw) > _MAX_COMMAND_BYTES:
            yield first, part
            first, size, part = place, 0, []
        part.append(RawBSONDocument(raw))
        size += len(raw)
    if part:
        yield first, part


async def _send(collection: AsyncCollection[Document], command: Document) -> Document:
    # A copy, for the driver adds fields of the connection that it goes by.
    reply: Document = await collection.database.command(dict(command))
    unconfirmed = reply.get("writeConcernError")
    if unconfirmed is not None:
        raise WriteConcernError(str(unconfirmed.get("errmsg")), unconfirmed.get("code"), unconfirmed)
    return reply
