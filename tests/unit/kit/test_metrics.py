"""Labels stay few, and every process shows its own numbers."""

from __future__ import annotations

from prometheus_client import generate_latest

from kit.metrics import OTHER, BoundedLabel, new_registry


def test_values_beyond_the_limit_count_as_one() -> None:
    label = BoundedLabel(limit=3, known=["a"])
    assert [label(value) for value in ("b", "c", "d", "e", "a", "b")] == ["b", "c", OTHER, OTHER, "a", "b"]


def test_a_registry_shows_the_process() -> None:
    text = generate_latest(new_registry()).decode()
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "python_info", "python_gc_objects"):
        assert name in text
