"""Columns sliced into bits, against what lists of numbers say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.tasks.market import planes
from services.tasks.market.blocks import changed, joined, place

Column = dict[int, int]
IDS = st.integers(0, 20_000)
COLUMNS = st.dictionaries(IDS, st.integers(1, 1000), max_size=30)
WEIGHTS = st.dictionaries(IDS, st.integers(1, 7), max_size=30)


def ids_of(members: int) -> set[int]:
    return {position for position in range(members.bit_length()) if members >> position & 1}


def column_of(column: planes.Planes) -> Column:
    return {position: planes.value_at(column, position) for position in ids_of(planes.present(column))}


@given(COLUMNS)
def test_packed_values_are_read_again(values: Column) -> None:
    assert column_of(planes.pack(values.items())) == values
    assert ids_of(planes.mask(values)) == set(values)


@given(COLUMNS, COLUMNS)
def test_columns_are_added(left: Column, right: Column) -> None:
    total = planes.add(planes.pack(left.items()), planes.pack(right.items()))
    assert column_of(total) == {each: left.get(each, 0) + right.get(each, 0) for each in {*left, *right}}


@given(COLUMNS, st.integers(1, 10))
def test_values_are_clamped(values: Column, width: int) -> None:
    clamped = planes.clamp(planes.pack(values.items()), width)
    assert column_of(clamped) == {each: min(value, 2**width - 1) for each, value in values.items()}


@given(COLUMNS, COLUMNS, st.sets(IDS, max_size=20))
def test_values_are_replaced(values: Column, other: Column, ids: set[int]) -> None:
    replaced = planes.replace(planes.pack(values.items()), planes.mask(ids), planes.pack(other.items()))
    expected = {each: (other if each in ids else values).get(each, 0) for each in {*values, *other}}
    assert column_of(replaced) == {each: value for each, value in expected.items() if value}


@given(COLUMNS, st.integers(0, 1100))
def test_values_are_compared(values: Column, bound: int) -> None:
    column = planes.pack(values.items())
    assert ids_of(planes.at_least(column, bound)) == {each for each, value in values.items() if value >= bound}
    assert ids_of(planes.at_most(column, bound)) == {each for each, value in values.items() if value <= bound}
    if bound:
        assert ids_of(planes.equal(column, bound)) == {each for each, value in values.items() if value == bound}


@given(WEIGHTS, st.sets(IDS, max_size=30), st.integers(0, 40))
def test_the_largest_come_first(values: Column, ids: set[int], limit: int) -> None:
    found = planes.top(planes.pack(values.items()), planes.mask(ids | set(values)), limit)
    ranked = sorted(((values.get(each, 0), each) for each in ids | set(values)), reverse=True)
    assert found == ranked[:limit]


@given(st.lists(st.dictionaries(IDS, st.integers(0, 7), min_size=1, max_size=40), min_size=1, max_size=4))
def test_blocks_hold_what_was_written_last(writes: list[Column]) -> None:
    blocks = written({}, writes)
    expected = {each: value for write in writes for each, value in write.items()}
    assert column_of(joined(blocks.items())) == {
        each: value for each in expected if (value := [write[each] for write in writes if each in write][-1])
    }


def test_a_block_with_many_entries_is_sliced() -> None:
    few, many = written({}, [dict.fromkeys(range(192), 5)]), written({}, [dict.fromkeys(range(193), 5)])
    assert list(few[0]) == ["list"]
    assert list(many[0]) == ["planes"]
    more = written(many, [{5000: 3, 0: 0}])
    assert column_of(joined(more.items())) == {**dict.fromkeys(range(1, 193), 5), 5000: 3}
    assert "planes" in written(few, [{200: 8}])[0]


@given(st.lists(st.tuples(st.booleans(), WEIGHTS.filter(bool)), max_size=4))
def test_blocks_of_several_stems_add_up(columns: list[tuple[bool, Column]]) -> None:
    blocks = []
    expected: Column = {}
    for dense, values in columns:
        written_blocks = written({}, [dict.fromkeys(range(400), 1) if dense else {}, values])
        blocks += list(written_blocks.items())
        for each, value in ({**dict.fromkeys(range(400), 1), **values} if dense else values).items():
            expected[each] = expected.get(each, 0) + value
    assert column_of(joined(blocks)) == expected


def written(blocks: dict[int, dict[str, object]], writes: list[Column]) -> dict[int, dict[str, object]]:
    """Return blocks by number after some writes."""
    blocks = dict(blocks)
    for write in writes:
        by_block: dict[int, Column] = {}
        for each, value in write.items():
            number, offset = place(each)
            by_block.setdefault(number, {})[offset] = value
        for number, values in by_block.items():
            blocks[number] = changed(blocks.get(number), values)
    return blocks
