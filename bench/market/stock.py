"""Fills a market before it starts: tasks, their search index and the counter, written as its own stores write them.

The tasks have no holds in the ledger, and nobody made them: they are there to be listed, searched and claimed. The
index is made with the market's own code, block by block, which takes seconds where task by task takes minutes. So that
it is seconds, the texts repeat after `DISTINCT` tasks; status, budget, category and poster of every task are its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import pymongo

from bench.market import corpus
from services.tasks.market.blocks import changed, place
from services.tasks.market.columns import block_id
from services.tasks.market.search_index import Changes, Entry, add_words, column_changes
from services.tasks.market.stems import words_of

DISTINCT = 8_192  # as many as a block of the index holds
_BATCH = 5_000
_DATABASE = "piecework_tasks"
_Database: TypeAlias = "pymongo.database.Database[dict[str, Any]]"


def fill(uri: str, count: int, said: Sequence[corpus.Text]) -> None:
    """Store `count` tasks, numbered from 1, and what belongs to them; `said` are `DISTINCT` texts."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(uri) as client:
        database: _Database = client[_DATABASE]
        tasks = list(corpus.documents(count, said))
        _insert(database["market_tasks"], tasks)
        _insert(database["market_search"], _blocks(tasks, said))
        database["counters"].insert_one({"_id": "market_tasks", "value": count})


def open_tasks(uri: str, count: int) -> tuple[int, ...]:
    """Return the numbers of tasks that can be claimed, with budgets that leave room."""
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(uri) as client:
        database: _Database = client[_DATABASE]
        found = database["market_tasks"].find({"status": "open"}, {"_id": 1}).sort("_id", 1).limit(count)
        return tuple(int(each["_id"]) for each in found)


def _insert(collection: pymongo.collection.Collection[dict[str, Any]], documents: Iterable[dict[str, Any]]) -> None:
    source = iter(documents)
    while batch := list(itertools.islice(source, _BATCH)):
        collection.insert_many(batch, ordered=False)


def _blocks(tasks: list[dict[str, Any]], said: Sequence[corpus.Text]) -> Iterator[dict[str, Any]]:
    for name, values in column_changes(map(_entry, tasks)).items():
        yield {"_id": block_id(*name), "v": 1, **changed(None, values)}
    whole = {key: changed(None, values) for (key, _), values in _word_changes(range(len(said)), said).items()}
    last, rest = place(len(tasks))
    for number in range(last):
        yield from ({"_id": block_id(key, number), "v": 1, **content} for key, content in whole.items())
    for (key, _), values in _word_changes(range(rest + 1), said).items():
        yield {"_id": block_id(key, last), "v": 1, **changed(None, values)}


def _word_changes(places: range, said: Sequence[corpus.Text]) -> Changes:
    changes: Changes = {}
    for offset in places:
        add_words(changes, offset, words_of(*said[offset]))
    return changes


def _entry(task: dict[str, Any]) -> Entry:
    return Entry(
        id=task["_id"],
        version=task["version"],
        status=task["status"],
        category_id=task["category_id"],
        budget=task["budget"],
        missing=0,
    )
