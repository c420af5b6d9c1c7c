"""What is kept in memory, and what goes first."""

from __future__ import annotations

from kit.recent import Recent


def test_what_was_used_last_stays() -> None:
    kept: Recent[str, int] = Recent(3)
    for number, key in enumerate("abc"):
        kept.put(key, number, 1)
    assert kept.get("a") == 0
    kept.put("d", 3, 1)
    assert [kept.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_a_large_value_takes_the_room_of_several() -> None:
    kept: Recent[str, str] = Recent(10)
    for key in "abcde":
        kept.put(key, key, 2)
    kept.put("f", "f", 7)
    assert [key for key in "abcdef" if kept.get(key)] == ["e", "f"]


def test_a_value_takes_the_place_of_an_older_one_of_its_key() -> None:
    kept: Recent[str, int] = Recent(4)
    kept.put("a", 1, 3)
    kept.put("b", 2, 1)
    kept.put("a", 3, 2)
    assert (kept.get("a"), kept.get("b"), len(kept)) == (3, 2, 2)


def test_what_has_no_room_at_all_is_not_kept_nor_what_it_was_before() -> None:
    kept: Recent[str, int] = Recent(4)
    kept.put("a", 1, 1)
    kept.put("b", 1, 1)
    kept.put("a", 2, 5)
    assert (kept.get("a"), kept.get("b")) == (None, 1)


def test_what_is_dropped_leaves_room() -> None:
    kept: Recent[str, int] = Recent(2)
    kept.put("a", 1, 2)
    kept.drop("a")
    kept.drop("a")
    kept.put("b", 2, 2)
    assert (kept.get("a"), kept.get("b")) == (None, 2)
