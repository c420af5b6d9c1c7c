"""What was measured, by key and round, and the ratios between keys of the same round."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import fmean, median
from typing import NamedTuple

from bench.load import Series


class Key(NamedTuple):
    """Names one measurement.

    Attributes:
        name: what was done, for example `single create`.
        in_flight: operations at once.
        stored: tasks stored when it began, rounded to the level; 0 where nothing is stored.
    """

    name: str
    in_flight: int
    stored: int = 0


class Rounds:
    """Collects series; a key measured twice in a round counts with the mean of both."""

    def __init__(self) -> None:
        self._series: dict[Key, dict[int, list[Series]]] = defaultdict(lambda: defaultdict(list))

    def add(self, round_number: int, key: Key, series: Series) -> None:
        """Keep `series` as a measurement of `key`."""
        self._series[key][round_number].append(series)

    def __iter__(self) -> Iterator[Key]:
        """Every key, in the order of its first measurement."""
        return iter(self._series)

    def rates(self, key: Key) -> dict[int, float]:
        """Tasks per second by round."""
        return {number: fmean(one.rate for one in found) for number, found in self._series.get(key, {}).items()}

    def rate(self, key: Key) -> float | None:
        """The median round's tasks per second; None when it was not measured."""
        rates = self.rates(key)
        return median(rates.values()) if rates else None

    def ratio(self, key: Key, base: Key) -> float | None:
        """Median over rounds of `key`'s rate over `base`'s rate in the same round; None when there is none."""
        over, under = self.rates(key), self.rates(base)
        ratios = [over[number] / under[number] for number in over if under.get(number)]
        return median(ratios) if ratios else None

    def percentile_ms(self, key: Key, share: float) -> float | None:
        """The latency that `share` of all operations of all rounds stayed within, in milliseconds."""
        merged = sorted(value for one in self._all(key) for value in one.latencies_ms)
        return merged[min(len(merged) - 1, int(len(merged) * share))] if merged else None

    def fact(self, key: Key, name: str) -> float | None:
        """Median over measurements of a fact; None when none has it."""
        found = [one.facts[name] for one in self._all(key) if name in one.facts]
        return median(found) if found else None

    def operations(self, key: Key) -> int:
        """How many operations were timed."""
        return sum(len(one.latencies_ms) for one in self._all(key))

    def statuses(self, key: Key) -> dict[str, int]:
        """Answers by status, over all rounds."""
        total: Counter[str] = Counter()
        for one in self._all(key):
            total.update(one.statuses)
        return dict(total)

    def _all(self, key: Key) -> list[Series]:
        return [one for found in self._series.get(key, {}).values() for one in found]
