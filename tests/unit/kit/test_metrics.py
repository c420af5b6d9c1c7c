"""Labels stay few, and every process shows its own numbers."""

from __future__ import annotations

from prometheus_client import Counter, generate_latest

from gateway.observation import HttpMetrics
from kit.interceptors.access import RpcMetrics
from kit.metrics import OTHER, BoundedLabel, new_registry


def test_values_beyond_the_limit_count_as_one() -> None:
    label = BoundedLabel(limit=3, known=["a"])
    assert [label(value) for value in ("b", "c", "d", "e", "a", "b")] == ["b", "c", OTHER, OTHER, "a", "b"]


def test_a_registry_shows_the_process() -> None:
    text = generate_latest(new_registry()).decode()
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "python_info", "python_gc_objects"):
        assert name in text


def test_a_route_costs_few_series_and_another_status_one_more() -> None:
    registry = new_registry()
    metrics = HttpMetrics(registry)
    empty = _lines(generate_latest(registry))
    metrics.record("GET", "/api/tasks", 200, 0.01)
    one = _lines(generate_latest(registry))
    assert len(one - empty) <= 10
    metrics.record("GET", "/api/tasks", 404, 0.01)
    assert len(_lines(generate_latest(registry)) - one) == 1


def test_a_method_costs_few_series_and_another_code_one_more() -> None:
    registry = new_registry()
    metrics = RpcMetrics(registry)
    empty = _lines(generate_latest(registry))
    metrics.watch("/a.B/C")
    metrics.duration.labels("/a.B/C").observe(0.01)
    metrics.calls.labels("/a.B/C", "OK").inc()
    one = _lines(generate_latest(registry))
    assert len(one - empty) <= 11
    metrics.calls.labels("/a.B/C", "NOT_FOUND").inc()
    assert len(_lines(generate_latest(registry)) - one) == 1


def test_series_do_not_tell_when_they_began() -> None:
    registry = new_registry()
    Counter("things", "Things.", registry=registry).inc()
    text = generate_latest(registry).decode()
    assert "things_total 1.0" in text
    assert "_created" not in text


def _lines(text: bytes) -> set[str]:
    """Return the names and labels of the series of the platform in a page of metrics."""
    return {line.rpartition(" ")[0] for line in text.decode().splitlines() if line.startswith("piecework_")}
