"""Every MongoDB query of plans. What concurrent callers count goes to the database as one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from pymongo import ASCENDING, IndexModel, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from kit.combiner import Combiner
from kit.errors import DomainError
from kit.mongo import ensure_indexes, translated
from services.billing.plans.model import Assignment, Consumption, Tally, Usage
from services.billing.plans.quotas import Consume, Quotas, Return
from services.billing.transactions import transact

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.billing.plans.catalogue import Catalogue

Document = dict[str, Any]
_Outcome = Usage | bool | Exception
_NATIVE = (datetime,)
_MAX_BATCH = 256
# Longer than the longest window: while an id is remembered it counts once.
_REMEMBERED_SECONDS = 62 * 24 * 3600


class PlanStore:
    """The collections of plans.

    Args:
        database: the database of the billing service.
        catalogue: the plans there are.
        clock: the time.
    """

    def __init__(self, database: AsyncDatabase[Document], catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self._assignments = database["plan_assignments"]
        self._tallies = database["plan_tallies"]
        self._consumptions = database["plan_consumptions"]
        self._catalogue = catalogue
        self._clock = clock
        self._commands: Combiner[Consume | Return, Usage | bool] = Combiner(self._write, max_batch=_MAX_BATCH)

    async def prepare(self) -> None:
        """Create the indexes."""
        old = IndexModel([("at", ASCENDING)], name="old", expireAfterSeconds=_REMEMBERED_SECONDS)
        await ensure_indexes(self._consumptions, [old])

    async def close(self) -> None:
        """Wait for the writes under way."""
        await self._commands.close()

    @translated()
    async def assignment(self, operator_id: int) -> Assignment | None:
        """Return which plan an operator has, None when none was set."""
        document = await self._assignments.find_one({"_id": operator_id})
        return None if document is None else _to_assignment(document)

    @translated()
    async def assign(self, assignment: Assignment) -> None:
        """Give an operator a plan."""
        document = _fields(assignment, "operator_id")
        await self._assignments.replace_one({"_id": assignment.operator_id}, document, upsert=True)

    @translated()
    async def tally(self, operator_id: int) -> Tally:
        """Return what was counted for an operator."""
        document = await self._tallies.find_one({"_id": operator_id})
        return Tally(operator_id) if document is None else _to_tally(document)

    async def consume(self, command: Consume) -> Usage:
        """Count runs.

        Raises:
            DomainError: why they are not counted.
        """
        usage = await self._commands.submit(command)
        assert isinstance(usage, Usage)
        return usage

    async def give_back(self, command: Return) -> bool:
        """Take back what was counted; tells whether this call did."""
        return await self._commands.submit(command) is True

    async def _write(self, batch: Sequence[Consume | Return]) -> list[_Outcome]:
        async def decide(session: AsyncClientSession) -> list[_Outcome]:
            quotas = await self._read(batch, session)
            outcomes = [_outcome(quotas, command) for command in batch]
            tallies = [_fields(each, "operator_id") for each in quotas.changed_tallies.values()]
            await _replace(self._tallies, tallies, session)
            consumptions = [_fields(each, "id") for each in quotas.changed_consumptions.values()]
            await _replace(self._consumptions, consumptions, session)
            return outcomes

        return await transact(self._database, decide)

    async def _read(self, batch: Sequence[Consume | Return], session: AsyncClientSession) -> Quotas:
        found = await _found(self._consumptions, sorted({each.id for each in batch}), session)
        consumptions = [msgspec.convert({**each, "id": each["_id"]}, Consumption) for each in found]
        named = {each.operator_id for each in batch if isinstance(each, Consume)}
        operators = sorted(named.union(each.operator_id for each in consumptions))
        assignments = {
            each["_id"]: _to_assignment(each) for each in await _found(self._assignments, operators, session)
        }
        tallies = [_to_tally(each) for each in await _found(self._tallies, operators, session)]
        plans = {operator_id: self._catalogue.plan_of(assignments.get(operator_id)) for operator_id in operators}
        return Quotas(plans, tallies, consumptions, self._clock.now())


def _outcome(quotas: Quotas, command: Consume | Return) -> _Outcome:
    try:
        return quotas.apply(command)
    except DomainError as refusal:
        return refusal


async def _found(
    collection: AsyncCollection[Document], ids: Sequence[str] | Sequence[int], session: AsyncClientSession
) -> list[Document]:
    return await collection.find({"_id": {"$in": list(ids)}}, session=session).to_list() if ids else []


async def _replace(
    collection: AsyncCollection[Document], documents: list[Document], session: AsyncClientSession
) -> None:
    if documents:
        writes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
        await collection.bulk_write(writes, session=session)


def _fields(struct: msgspec.Struct, key: str) -> Document:
    document: Document = msgspec.to_builtins(struct, builtin_types=_NATIVE)
    return {"_id": document.pop(key), **document}


def _to_assignment(document: Document) -> Assignment:
    return msgspec.convert({**document, "operator_id": document["_id"]}, Assignment)


def _to_tally(document: Document) -> Tally:
    return msgspec.convert({**document, "operator_id": document["_id"]}, Tally)
