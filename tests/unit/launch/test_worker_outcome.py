from __future__ import annotations

import itertools

from launch.worker import backoff
from launch.worker.outcome import Fate, judge
from launch.worker.progress import Tally
from launch.worker.run import MAX_OUTPUT_BYTES, Ending


def ending(status: int = 0, output: bytes = b"", tail: bytes = b"", *, overflowed: bool = False) -> Ending:
    return Ending(status, output, tail, overflowed)


def test_status_zero_completes_with_the_output_as_it_is() -> None:
    outcome = judge(ending(output=b" 3\n"))
    assert (outcome.fate, outcome.text) == (Fate.COMPLETED, " 3\n")


def test_another_status_fails_with_the_end_of_the_errors() -> None:
    outcome = judge(ending(2, b"ignored", b"oh no\n"))
    assert (outcome.fate, outcome.text, outcome.can_retry) == (Fate.FAILED, "exit status 2: oh no", True)


def test_a_signal_is_named() -> None:
    assert judge(ending(-9)).text == "killed by SIGKILL"
    assert judge(ending(-64)).text.startswith("killed by ")


def test_too_much_output_fails_for_good() -> None:
    assert not judge(ending(-9, overflowed=True)).can_retry


def test_bytes_that_are_not_text_are_replaced_and_counted_as_what_they_become() -> None:
    assert judge(ending(output=b"a\xffb")).text == "a\ufffdb"
    assert judge(ending(output=b"\xff" * (MAX_OUTPUT_BYTES // 3 + 1))).fate is Fate.FAILED


def test_delays_grow_to_a_limit_and_differ() -> None:
    delays = list(itertools.islice(backoff.delays(1, 8), 50))
    assert all(0.5 <= delay <= 8 for delay in delays)
    assert all(delay >= 4 for delay in delays[3:])
    assert len(set(delays)) > 40


def test_the_summary_counts_fates() -> None:
    tally = Tally()
    assert str(tally) == "no tasks"
    tally.add(Fate.COMPLETED, 1)
    tally.add(Fate.COMPLETED, 2)
    tally.add(Fate.LOST, 3)
    assert str(tally) == "2 completed, 1 lost; 2.00 s a task"
