from __future__ import annotations

from launch.choices import choices


def test_a_few_names_are_all_told_and_many_are_not() -> None:
    assert choices("Models", [], "…") == "Models: none yet."
    assert choices("Models", ["a", "b"], "…") == "Models: a, b."
    told = choices("Models", [f"m{number}" for number in range(100)], "the list has them all.")
    assert told.startswith("Models: m0, m1, ")
    assert told.endswith("m11 …; the list has them all.")
