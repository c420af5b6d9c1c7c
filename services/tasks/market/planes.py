"""Columns of small numbers over task ids, sliced into bits, so that whole lists are compared and added at once. No I/O.

A column is a tuple of *planes*; bit `id` of plane `n` is bit `n` of the value that the column has for that id. Ids
without a value have 0. Integers of Python serve as planes: a million ids are 125 kB, and an operation on them takes
some ten microseconds (O'Neil and Quass, "Improved query performance with variant indexes", 1997).
"""

from __future__ import annotations

from collections.abc import Iterable

Planes = tuple[int, ...]

_PIECE_BITS = 1024


def pack(values: Iterable[tuple[int, int]]) -> Planes:
    """Return the column with these values by id; each id at most once."""
    pairs = list(values)
    length = (max((position for position, _ in pairs), default=0) >> 3) + 1
    width = max((value for _, value in pairs), default=0).bit_length()
    buffers = [bytearray(length) for _ in range(width)]
    for position, value in pairs:
        byte, bit, plane = position >> 3, 1 << (position & 7), 0
        while value:
            if value & 1:
                buffers[plane][byte] |= bit
            value >>= 1
            plane += 1
    return tuple(int.from_bytes(buffer, "little") for buffer in buffers)


def mask(ids: Iterable[int]) -> int:
    """Return the set of `ids`."""
    return next(iter(pack((position, 1) for position in ids)), 0)


def value_at(column: Planes, position: int) -> int:
    """Return the value of an id."""
    return sum((plane >> position & 1) << bit for bit, plane in enumerate(column))


def present(column: Planes) -> int:
    """Return the ids that have a value."""
    found = 0
    for plane in column:
        found |= plane
    return found


def add(left: Planes, right: Planes) -> Planes:
    """Return the sums."""
    total: list[int] = []
    carry = 0
    for bit in range(max(len(left), len(right))):
        one, other = _plane(left, bit), _plane(right, bit)
        half = one ^ other
        total.append(half ^ carry)
        carry = one & other | half & carry
    return (*total, carry) if carry else tuple(total)


def clamp(column: Planes, width: int) -> Planes:
    """Return the values, those that need more than `width` bits as the largest that does not."""
    over = present(column[width:])
    return tuple(plane | over for plane in column[:width]) if over else column[:width]


def replace(column: Planes, ids: int, other: Planes) -> Planes:
    """Return `column` with the values that `other` has for `ids`."""
    return tuple(_plane(column, bit) & ~ids | _plane(other, bit) & ids for bit in range(max(len(column), len(other))))


def equal(column: Planes, value: int) -> int:
    """Return the ids whose value is `value`, which is not 0."""
    found = -1
    for bit in range(max(len(column), value.bit_length())):
        plane = _plane(column, bit)
        found &= plane if value >> bit & 1 else ~plane
    return found


def at_least(column: Planes, bound: int) -> int:
    """Return the ids with a value that is not below `bound`."""
    more, same = 0, present(column)
    for bit in reversed(range(max(len(column), bound.bit_length()))):
        plane = _plane(column, bit)
        if bound >> bit & 1:
            same &= plane
        else:
            more |= same & plane
            same &= ~plane
    return more | same


def at_most(column: Planes, bound: int) -> int:
    """Return the ids with a value that is not above `bound`."""
    return present(column) & ~at_least(column, bound + 1)


def top(column: Planes, ids: int, limit: int) -> list[tuple[int, int]]:
    """Return the largest values of `ids` with their ids, largest first; among equals the largest id first."""
    found: list[tuple[int, int]] = []
    while ids and len(found) < limit:
        best, value = ids, 0
        for bit in reversed(range(len(column))):
            if narrower := best & column[bit]:
                best, value = narrower, value | 1 << bit
        ids &= ~best
        found += [(value, position) for position in _largest(best, limit - len(found))]
    return found


def _largest(ids: int, count: int) -> list[int]:
    """Return the largest members of a set, largest first; they are taken out of short pieces of it."""
    found: list[int] = []
    while ids and len(found) < count:
        start = max(0, ids.bit_length() - _PIECE_BITS)
        piece = ids >> start
        ids ^= piece << start
        while piece and len(found) < count:
            offset = piece.bit_length() - 1
            found.append(start + offset)
            piece ^= 1 << offset
    return found


def _plane(column: Planes, bit: int) -> int:
    return column[bit] if bit < len(column) else 0
