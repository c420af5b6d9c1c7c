"""What the search index knows of tasks, which of its blocks hold it, and how a question is answered from them. No I/O.

The index has a column for each stem, with its weight in each task; one for each beginning of up to three letters, with
the weights of all stems that begin so, shorter stems included; and one each for status, category and budget. What
changed since the index was written comes from the tasks themselves, so that an answer is never older than they are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from services.tasks.market import planes
from services.tasks.market.blocks import place
from services.tasks.market.columns import Block, Columns, Range
from services.tasks.market.model import STATUSES
from services.tasks.market.planes import Planes
from services.tasks.market.stems import MAX_WEIGHT, Words

STATUS, CATEGORY, BUDGET = "status", "category", "budget"
COLUMNS, ALL = 1, 2  # what the index does not show of a task; how tasks are marked
_LONGEST_BEGINNING = 3  # letters; what begins with more is found by a range of stems
_WEIGHT_BITS = MAX_WEIGHT.bit_length()
_AFTER_SPACE = "!"
_LAST = "\U0010ffff"

Changes = dict[tuple[str, int], dict[int, int]]  # new values by place, by key and number of the block


class Entry(msgspec.Struct, frozen=True):
    """A task as the index has it.

    Attributes:
        missing: what the index does not show: `ALL`, or only its `COLUMNS`.
    """

    id: int
    version: int
    status: str
    category_id: int
    budget: int
    missing: int


class Filter(msgspec.Struct, frozen=True):
    """Which tasks are wanted: of a status, of a category unless it is 0, with a budget between two, both included."""

    status: str
    category_id: int = 0
    min_budget: int | None = None
    max_budget: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that decide."""
        bounded = self.min_budget is not None or self.max_budget is not None
        return (STATUS, *((CATEGORY,) if self.category_id else ()), *((BUDGET,) if bounded else ()))

    def admits(self, status: str, budget: int) -> bool:
        """Tell whether a task of the right category matches."""
        return (
            status == self.status
            and (self.min_budget is None or budget >= self.min_budget)
            and (self.max_budget is None or budget <= self.max_budget)
        )


def column_range(name: str) -> Range:
    """Return where the blocks of a column are."""
    return f"c {name} ", f"c {name}{_AFTER_SPACE}"


def word_range(term: str) -> Range:
    """Return where the blocks of all stems are that begin with `term`."""
    if len(term) <= _LONGEST_BEGINNING:
        return f"b {term} ", f"b {term}{_AFTER_SPACE}"
    return f"s {term}", f"s {term}{_LAST}"


def add_words(changes: Changes, task_id: int, words: Words) -> None:
    """Add what the words of a task change in the index to `changes`."""
    number, offset = place(task_id)
    beginnings: dict[str, int] = {}
    for stem, weight in zip(words.stems, words.weights, strict=True):
        if len(stem) > _LONGEST_BEGINNING:
            changes.setdefault((f"s {stem}", number), {})[offset] = weight
        for beginning in _beginnings(stem):
            beginnings[beginning] = beginnings.get(beginning, 0) + weight
    for beginning, weight in beginnings.items():
        changes.setdefault((f"b {beginning}", number), {})[offset] = min(weight, MAX_WEIGHT)


def column_changes(entries: Iterable[Entry]) -> Changes:
    """Return what the status, category and budget of `entries` change."""
    changes: Changes = {}
    for entry in entries:
        number, offset = place(entry.id)
        for name, value in _values(entry).items():
            changes.setdefault((f"c {name}", number), {})[offset] = value
    return changes


class Snapshot:
    """Blocks and what is not in them, as one read found them; several searches share it.

    Args:
        recent: tasks that changed after their blocks were written.
        words: of those tasks whose words the blocks do not have.
        blocks: the blocks.
        joined: makes columns of them.
    """

    def __init__(
        self, recent: Sequence[Entry], words: Mapping[int, Words], blocks: Iterable[Block], joined: Columns
    ) -> None:
        self._joined = joined
        self._recent = recent
        self._words = words
        self._blocks = sorted(blocks, key=_identifier)
        self._ids = [_identifier(block) for block in self._blocks]
        self._columns: dict[str, Planes] = {}
        self._weights: dict[str, Planes] = {}
        self._matching: dict[Filter, int] = {}

    def add(self, blocks: Iterable[Block]) -> Snapshot:
        """Return a snapshot with more blocks."""
        return Snapshot(self._recent, self._words, [*self._blocks, *blocks], self._joined)

    def column(self, name: str) -> Planes:
        """Return a column as it is now."""
        if name not in self._columns:
            column = self._column(column_range(name))
            if self._recent:
                new = planes.pack((entry.id, _values(entry)[name]) for entry in self._recent)
                column = planes.replace(column, planes.mask(entry.id for entry in self._recent), new)
            self._columns[name] = column
        return self._columns[name]

    def weights(self, term: str) -> Planes:
        """Return how much the words that begin with `term` weigh in each task, at most `MAX_WEIGHT`."""
        if term not in self._weights:
            column = self._column(word_range(term))
            if self._words:
                new = planes.pack((task_id, words.weight(term)) for task_id, words in self._words.items())
                column = planes.replace(column, planes.mask(self._words), new)
            self._weights[term] = planes.clamp(column, _WEIGHT_BITS)
        return self._weights[term]

    def matching(self, which: Filter) -> int:
        """Return the ids of the tasks that are wanted."""
        if which not in self._matching:
            self._matching[which] = self._find(which)
        return self._matching[which]

    def _find(self, which: Filter) -> int:
        if self._recent:
            return _matching(which, self)  # their columns are others each time
        columns = [self.column(name) for name in which.columns]
        return self._joined.found(which, columns, lambda: _matching(which, self))

    def _column(self, where: Range) -> Planes:
        low, high = (bisect_left(self._ids, end) for end in where)
        return self._joined.of(where, self._blocks[low:high])


def _matching(which: Filter, now: Snapshot) -> int:
    """Return the ids of the tasks that are wanted."""
    ids = planes.equal(now.column(STATUS), STATUSES.index(which.status) + 1)
    if which.category_id:
        ids &= planes.equal(now.column(CATEGORY), which.category_id)
    if which.min_budget is not None:
        ids &= planes.at_least(now.column(BUDGET), max(which.min_budget, 0))
    if which.max_budget is not None:
        ids &= planes.at_most(now.column(BUDGET), which.max_budget) if which.max_budget > 0 else 0
    return ids


def _identifier(block: Block) -> str:
    return str(block["_id"])


def _values(entry: Entry) -> dict[str, int]:
    return {
        STATUS: STATUSES.index(entry.status) + 1 if entry.status in STATUSES else 0,
        CATEGORY: entry.category_id,
        BUDGET: entry.budget,
    }


@lru_cache(maxsize=65_536)
def _beginnings(stem: str) -> tuple[str, ...]:
    return tuple(stem[:length] for length in range(1, min(len(stem), _LONGEST_BEGINNING) + 1))
