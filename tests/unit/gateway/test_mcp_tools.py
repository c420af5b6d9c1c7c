"""What a client is told of the tools, against the table of the contract."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from gateway.faces.mcp.calls import market_call, unknown
from gateway.faces.mcp.schema import input_schema
from gateway.faces.mcp.tools import TOOLS, Tool
from tests.unit.gateway.mcp_table import TABLE

_BY_NAME = {tool.name: tool for tool in TOOLS}
_IDS = {"task_id": 7, "claim_id": 8, "deliverable_id": 9, "webhook_id": 10}


def _name(tool: Tool) -> str:
    return tool.name


def test_the_tools_are_those_of_the_contract() -> None:
    assert len(TOOLS) == 23
    assert [tool.name for tool in TOOLS] == list(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_arguments_and_call_are_those_of_the_contract(name: str) -> None:
    takes, call = TABLE[name]
    tool, names = _BY_NAME[name], takes.split()
    assert f"{tool.method} {re.sub(r'{[^}]*}', '{}', tool.path)}" == call
    schema = input_schema(tool.arguments)
    assert list(schema["properties"]) == [each.rstrip("?") for each in names]
    assert schema["required"] == [each for each in names if not each.endswith("?")]


@pytest.mark.parametrize("tool", TOOLS, ids=_name)
def test_every_schema_helps_a_model(tool: Tool) -> None:
    schema = input_schema(tool.arguments)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert "$ref" not in str(schema)
    assert len(tool.description) > 30
    for name, described in _properties(schema):
        assert described.get("description") or any(part.get("description") for part in described["anyOf"]), name


def _properties(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = list(schema["properties"].items())
    for described in schema["properties"].values():
        if "properties" in described.get("items", {}):
            found += described["items"]["properties"].items()
    return found


@pytest.mark.parametrize("tool", TOOLS, ids=_name)
def test_ids_are_in_the_path_and_the_rest_is_query_or_body(tool: Tool) -> None:
    arguments = {**{name: value for name, value in _IDS.items() if name in tool.arguments.__struct_fields__}}
    call = market_call(tool, arguments)
    assert call.url.path == "/api/v1" + tool.path.format(**_IDS)
    assert call.url.query_string == ""
    has_body = tool.method == "POST" and set(tool.arguments.__struct_fields__) - set(_IDS)
    assert call.body == (b"{}" if has_body else b"")


def test_filters_become_a_query() -> None:
    arguments = {"q": "a&b=c ü", "min_budget": 10.0, "limit": 5, "cursor": None, "status": ["open"]}
    query = market_call(_BY_NAME["search_tasks"], arguments).url.query
    assert dict(query) == {"q": "a&b=c ü", "min_budget": "10", "limit": "5", "status": '["open"]'}


_NO_IDS = ["search", "bulk", "..", "../../x", "1/claims", "", " 1", "-1", "1e3", "\u0663", True, None, [], {}]


@pytest.mark.parametrize("given", _NO_IDS)
def test_nothing_but_digits_comes_into_a_path(given: Any) -> None:
    for name in ("get_task", "claim_task"):
        arguments = {} if given is None else {"task_id": given}
        url = market_call(_BY_NAME[name], arguments).url
        assert url.raw_path == "/api/v1" + _BY_NAME[name].path.format(task_id="-")


@pytest.mark.parametrize(("given", "shown"), [(7, "7"), ("7", "7"), (7.0, "7"), (2**53, str(2**53)), (0, "0")])
def test_what_is_a_number_is_passed_on(given: Any, shown: str) -> None:
    assert market_call(_BY_NAME["get_task"], {"task_id": given}).url.path == f"/api/v1/tasks/{shown}"


def test_unknown_arguments_are_found() -> None:
    assert unknown(_BY_NAME["create_task"], {"title": "x", "requirements": "y", "poster_llm_key": "z"}) == [
        "requirements",
        "poster_llm_key",
    ]
    assert unknown(_BY_NAME["get_profile"], {}) == []
