"""Templates and duplicates, for any text."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.tasks.queue.model import TaskType, dedupe_key, fill_in, template_variables

NAMES = st.from_regex(r"\A[a-zA-Z][a-zA-Z0-9_]{0,5}\Z")
VARIABLES = st.dictionaries(NAMES, st.text(max_size=20), max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=10).filter(lambda text: "{" not in text and "}" not in text), NAMES)))
def test_the_variables_of_a_template_are_found(parts: list[tuple[str, str]]) -> None:
    template = "".join(f"{text}{{{{{name}}}}}" for text, name in parts)
    assert template_variables(template) == tuple(sorted({name for _, name in parts}))
    values = {name: f"<{name}>" for _, name in parts}
    assert fill_in(template, values) == "".join(f"{text}<{name}>" for text, name in parts)


@settings(max_examples=50, deadline=None)
@given(VARIABLES)
def test_values_are_never_looked_into(values: dict[str, str]) -> None:
    hostile = {name: f"{{{{{name}}}}}{value}\\1" for name, value in values.items()}
    template = "|".join(f"{{{{{name}}}}}" for name in hostile)
    assert fill_in(template, hostile) == "|".join(hostile.values())


def test_what_is_no_variable_stays() -> None:
    text = "{{}} {{ a }} {{1}} {{a-b}} {a} {{a\n}} {{ä}}"
    assert template_variables(text) == ()
    assert fill_in(text, {}) == text


@settings(max_examples=50, deadline=None)
@given(VARIABLES, VARIABLES)
def test_keys_are_equal_exactly_when_the_variables_are(one: dict[str, str], other: dict[str, str]) -> None:
    backwards = dict(reversed(one.items()))
    assert dedupe_key("t", one) == dedupe_key("t", backwards)
    assert (dedupe_key("t", one) == dedupe_key("t", other)) == (one == other)
    assert dedupe_key("t", one) != dedupe_key("u", one)


def test_names_and_values_cannot_be_confused() -> None:
    variables = [{"a": "b", "c": "d"}, {"a": 'b","c":"d'}, {"a": "b,c", "d": ""}, {"ab": ""}, {"a": "b"}, {}]
    assert len({dedupe_key("t", each) for each in variables}) == len(variables)


def test_a_lease_is_reckoned_in_whole_milliseconds() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for minutes, expected in ((0.1, 6_000), (1 / 3, 20_000), (1440, 86_400_000)):
        task_type = TaskType(
            id="t",
            project_id="p",
            operator_id=1,
            name="n",
            duplicate_handling="allow",
            max_retries=0,
            lease_duration_minutes=minutes,
            created_at=now,
            updated_at=now,
        )
        assert task_type.lease_ms == expected
