"""What is kept of the search index in memory: only what is still true."""

from __future__ import annotations

from services.tasks.market import planes
from services.tasks.market.blocks import changed
from services.tasks.market.columns import Block, Columns, block_id
from services.tasks.market.search_index import Entry, Filter, Snapshot, column_changes, column_range

RANGE = column_range("budget")
OPEN = Filter("open", 0, 15, 100)


def block(number: int, version: int, values: dict[int, int]) -> Block:
    return {"_id": block_id("c budget", number), "v": version, **changed(None, values)}


def entry(task_id: int, budget: int, status: str = "open") -> Entry:
    return Entry(task_id, 1, status, 0, budget, 0)


def stored(version: int, *entries: Entry) -> list[Block]:
    changes = column_changes(entries)
    return [{"_id": block_id(*name), "v": version, **changed(None, values)} for name, values in changes.items()]


def members(ids: int) -> list[int]:
    return [position for position in range(ids.bit_length()) if ids >> position & 1]


def test_a_column_is_joined_again_when_a_block_has_changed_or_come() -> None:
    columns = Columns()
    first = columns.of(RANGE, [block(0, 1, {1: 5})])
    assert columns.of(RANGE, [block(0, 1, {1: 5})]) is first
    second = columns.of(RANGE, [block(0, 2, {1: 6})])
    assert planes.value_at(second, 1) == 6
    third = columns.of(RANGE, [block(0, 2, {1: 6}), block(1, 1, {3: 7})])
    assert [planes.value_at(third, each) for each in (1, 8195)] == [6, 7]
    assert columns.of(RANGE, []) == ()


def test_what_matches_is_found_again_when_a_column_has_changed() -> None:
    columns = Columns()
    tasks = [entry(1, 10), entry(2, 20), entry(3, 30, "claimed")]
    before = Snapshot([], {}, stored(1, *tasks), columns)
    assert members(before.matching(OPEN)) == [2]
    assert Snapshot([], {}, stored(1, *tasks), columns).matching(OPEN) is before.matching(OPEN)
    after = Snapshot([], {}, stored(2, entry(1, 15), *tasks[1:]), columns)
    assert members(after.matching(OPEN)) == [1, 2]


def test_what_the_index_does_not_show_yet_counts_at_once_and_is_not_taken_for_the_index() -> None:
    columns = Columns()
    blocks = stored(1, entry(1, 10), entry(2, 20))
    assert members(Snapshot([], {}, blocks, columns).matching(OPEN)) == [2]
    recent = [entry(2, 20, "claimed"), entry(4, 50)]
    assert members(Snapshot(recent, {}, blocks, columns).matching(OPEN)) == [4]
    assert members(Snapshot([], {}, blocks, columns).matching(OPEN)) == [2]
