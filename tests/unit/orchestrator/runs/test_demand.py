"""Whose step is next."""

from __future__ import annotations

from collections import Counter

from services.orchestrator.runs.service.demand import Demand, FairShare


def _serve(share: FairShare, steps: int) -> Counter[int]:
    served: Counter[int] = Counter()
    for _ in range(steps):
        operator_id = share.next()
        if operator_id is None:
            break
        share.took(operator_id, 1, share.waiting(operator_id))
        served[operator_id] += 1
    return served


def test_operators_are_served_alike_however_much_waits() -> None:
    share = FairShare()
    share.set([Demand(1, 1000), Demand(2, 10)])

    assert _serve(share, 20) == {1: 10, 2: 10}


def test_weights_are_shares() -> None:
    share = FairShare()
    share.set([Demand(1, 1000, 1), Demand(2, 1000, 4)])

    assert _serve(share, 100) == {1: 20, 2: 80}


def test_pause_gives_no_credit() -> None:
    share = FairShare()
    share.set([Demand(1, 1000)])
    _serve(share, 500)
    share.add(Demand(2, 1000))

    served = _serve(share, 100)

    assert abs(served[1] - served[2]) <= 1


def test_short_pauses_between_the_stages_of_a_run_cost_no_turns() -> None:
    """One has ten steps at a time and pauses until the next ten can be taken; the other always has some."""
    share = FairShare(credit=32)
    share.set([Demand(1, 1000)])
    _serve(share, 32)
    served: Counter[int] = Counter()
    for _ in range(4):
        share.add(Demand(2, 10))
        served += _serve(share, 10)
        served += _serve(share, 10)

    assert served[2] == 40


def test_credit_for_a_pause_is_limited() -> None:
    share = FairShare(credit=32)
    share.set([Demand(1, 10_000, 4)])
    _serve(share, 5000)
    share.add(Demand(2, 1000, 4))

    assert abs(_serve(share, 32)[2] - 32) <= 1
    assert abs(_serve(share, 100)[2] - 50) <= 1


def test_debt_is_not_forgotten_by_a_look() -> None:
    share = FairShare()
    share.set([Demand(1, 10), Demand(2, 10)])
    first = share.next()
    assert first is not None
    share.took(first, 5, 10)

    share.set([Demand(1, 10), Demand(2, 10)])

    assert share.next() != first


def test_empty_queue_is_asked_once() -> None:
    share = FairShare()
    share.set([Demand(1, 3)])

    share.took(1, 0, share.waiting(1))

    assert share.next() is None


def test_ring_during_a_look_at_an_empty_queue_is_heard() -> None:
    share = FairShare()
    share.set([Demand(1, 3)])
    known = share.waiting(1)
    share.add(Demand(1, 1))

    share.took(1, 0, known)

    assert share.next() == 1


def test_thousand_operators_are_forgotten_when_they_have_nothing() -> None:
    share = FairShare()
    share.set([Demand(number, 1) for number in range(1000)])
    assert sum(_serve(share, 1000).values()) == 1000

    share.set([])

    assert share.operators == 0
