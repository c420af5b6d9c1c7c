"""Optimistic concurrency at the price of a lookup by id.

An update filtered by `{_id, version}` is planned anew each time, which costs the server almost as much as the update.
Here an update finds its document by `_id` alone and says which version it makes: `$inc` counts `version` up, `$set`
states `intended_version`, and a validator of the collection refuses a document in which the two differ, because another
write was faster. Documents that were only inserted need not state it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from kit.batches import Verdict, write_each
from kit.mongo import Document, translated

VERSION, INTENDED_VERSION = "version", "intended_version"
_VALIDATOR = {"$expr": {"$eq": [f"${VERSION}", {"$ifNull": [f"${INTENDED_VERSION}", f"${VERSION}"]}]}}
# For an update with a pipeline, of documents whatever version they have.
NEXT_VERSION = {name: {"$add": [f"${VERSION}", 1]} for name in (VERSION, INTENDED_VERSION)}
_VALIDATION_FAILED = 121
_NAMESPACE_EXISTS = 48


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
    return await write_each(collection, "update", ({"q": {"_id": each}, "u": modifiers} for each, modifiers in updates))
