"""What an operator says while a run is under way."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kit.errors import WrongState
from services.orchestrator.models.tokens import estimate_tokens
from services.orchestrator.runs.documents import to_change, to_document, to_run
from services.orchestrator.runs.flow import end
from services.orchestrator.runs.model import CANCELED, Run, RunEvent, Steering
from services.orchestrator.runs.prompts import Context, messages_for
from services.orchestrator.runs.steering import MAX_INPUTS, STEERED, steer, steered
from tests.unit.orchestrator.runs.course import NOW, new_run


def _said(text: str, key: str | None = None) -> Steering:
    return Steering(text, NOW, "operator:1", key)


def _steered(run: Run, *texts: str) -> Run:
    for text in texts:
        after = steer(run, _said(text))
        assert after is not None
        run = after
    return run


def test_every_kind_of_step_hears_of_it() -> None:
    run = _steered(new_run(2), "In French", "Briefly")
    run = run.with_steps([replace(step, question="Part?", result="x") for step in run.steps])
    assert len({step.kind for step in run.steps}) == 4
    for step in run.steps:
        asked = messages_for(run, step, Context(), 8000)[-1].content
        assert asked.index("Why?") < asked.index("In French") < asked.index("Briefly"), step.kind


def test_a_run_that_nobody_steers_asks_as_before() -> None:
    run = new_run(2)
    assert steered(run, 8000) == ""
    assert messages_for(run, run.steps[0], Context(), 8000)[-1].content == "Why?"


def test_it_leaves_room_for_the_prompt_and_the_newest_goes_first() -> None:
    run = replace(_steered(new_run(2), "old " * 4000, "new " * 4000, "newest"), prompt="Why? " * 5000)
    said = steered(run, 2000)
    assert said.endswith("newest")
    assert "new new" in said
    assert "old" not in said
    assert estimate_tokens(said) <= 500
    for step in run.steps:
        asked = messages_for(run, step, Context(), 2000)
        assert sum(estimate_tokens(each.content) for each in asked) <= 2000
        assert "newest" in asked[-1].content


def test_one_call_says_it_once() -> None:
    run = steer(new_run(1), _said("x", "key"))
    assert run is not None
    assert steer(run, _said("x", "key")) is None
    assert steer(run, _said("x", "other")) is not None
    over = end(run, CANCELED, NOW)
    assert steer(over, _said("x", "key")) is None, "also when it has ended since"


def test_a_run_that_is_over_hears_nothing() -> None:
    with pytest.raises(WrongState) as caught:
        steer(end(new_run(1), CANCELED, NOW), _said("x"))
    assert caught.value.reason == "NOT_ACTIVE"


def test_a_run_takes_so_much_and_no_more() -> None:
    run = _steered(new_run(1), *["x"] * MAX_INPUTS)
    with pytest.raises(WrongState) as caught:
        steer(run, _said("x"))
    assert caught.value.reason == "TOO_MANY_INPUTS"


def test_only_its_own_event_tells_of_it() -> None:
    run = _steered(new_run(1), "first", "second")
    assert to_run(to_document(run)) == run
    told = to_change(run, RunEvent(STEERED))["data"]["run"]
    assert [each["input"] for each in told["steering"]] == ["second"]
    assert "steering" not in to_change(run, RunEvent("step.progress", run.steps[0].id))["data"]["run"]
