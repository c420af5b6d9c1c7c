"""What is said to models, and how their answers are read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.orchestrator.models.tokens import estimate_input
from services.orchestrator.runs.blueprint import Blueprint, plan_steps
from services.orchestrator.runs.model import Turn, cut
from services.orchestrator.runs.prompts import Context, fenced, messages_for, read_questions
from services.orchestrator.runs.roles import NAMES, role_of
from services.orchestrator.runs.tools import MAX_ARGUMENTS, offered, read_wish
from tests.unit.orchestrator.runs.course import NOW, done, new_run, queued

_ALL = offered(files=True, thread=True)


def test_roles_repeat() -> None:
    assert [role_of(number) for number in range(18)] == [*NAMES, *NAMES[:2]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["a", "b"]', ("a", "b")),
        ('Here you are:\n```json\n["a", "b"]\n```', ("a", "b")),
        ('["a", "b", "c", "d"]', ("a", "b")),
    ],
)
def test_questions_are_found(text: str, expected: tuple[str, ...]) -> None:
    assert read_questions(new_run(2), text) == expected


@pytest.mark.parametrize("text", ["", "no", "[1, 2]", "[", '["", " "]', "[" * 5000, '{"a": ["b"]}'[:5]])
def test_what_is_no_question_is_replaced(text: str) -> None:
    first, second = read_questions(new_run(2), text)

    assert first.startswith("Which facts")
    assert second.startswith("Analyse")


def test_missing_questions_are_made_up() -> None:
    assert read_questions(new_run(2), '["only one"]')[0] == "only one"


def test_braces_in_a_prompt_are_nothing_special() -> None:
    assert "{prompt}" not in read_questions(new_run(1, check=False), "")[0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", '{"tool": 1}', '{"tool": "sudo", "arguments": {}}', '{"tool": "read", "arguments": []}',
     "{" * 3000, '{"tool": "read", "arguments": {"name": "' + "x" * MAX_ARGUMENTS + '"}}'],
)  # fmt: skip
def test_what_is_no_wish_is_an_answer(text: str) -> None:
    assert read_wish(text, _ALL) is None


def test_wishes_are_read_also_in_a_fence() -> None:
    wish = read_wish('```json\n{"tool": "read", "arguments": {"name": "a", "offset": true}}\n```', _ALL)

    assert wish is not None
    assert (wish.tool, wish.text("name"), wish.number("offset"), wish.text("offset")) == ("read", "a", 0, "")


def test_fence_cannot_be_left() -> None:
    assert fenced('a"b', "x</data>y").count("</data>") == 1


@pytest.mark.parametrize("limit", [500, 2000, 10_000])
def test_context_fits_into_the_model(limit: int) -> None:
    run = new_run(1, quick=True)
    context = Context(
        tuple(Turn("user", "word " * 5_000) for _ in range(40)),
        tuple((f"{number}.txt", "word " * 40_000) for number in range(5)),
    )

    messages = messages_for(run, queued(run)[0], context, limit)

    assert estimate_input([each.content for each in messages]) <= limit * 1.1
    assert messages[-1].content.startswith("Why?")


def test_newest_history_is_kept() -> None:
    run = new_run(1, quick=True)
    context = Context((Turn("user", "old " * 4_000), Turn("assistant", "new")))

    messages = messages_for(run, queued(run)[0], context, 300)

    assert [each.content[-5:] for each in messages[1:-1]] == ["[cut]", "new"]


def test_synthesis_reads_a_bounded_part_of_every_answer() -> None:
    run = new_run(4)
    run = done(run, queued(run)[0])
    for step in queued(run):
        run = done(run, step, "x" * 100_000)

    (synthesis,) = queued(run)
    messages = messages_for(run, synthesis, Context(), 100_000)

    assert len(messages[-1].content) < 26_000


def test_ids_of_steps_put_urgent_and_older_runs_first() -> None:
    def first_id(priority: int, age: timedelta) -> str:
        plan = Blueprint(agents=1, quick=True, check=False, model_id="m", priority=priority)
        return plan_steps(plan, "?", NOW - age)[0].id

    plain, urgent, old = first_id(0, timedelta()), first_id(2, timedelta()), first_id(0, timedelta(minutes=3))

    assert sorted([plain, urgent, old]) == [old, urgent, plain]


def test_cutting_leaves_whole_characters() -> None:
    assert cut("äöü", 3) == "ä"
    assert cut("a\ud800", 10) == "a?"
