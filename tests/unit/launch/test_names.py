from __future__ import annotations

import pytest
import typer
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor
from piecework.agents.v1 import identity_pb2

from launch import names


def _contract(message: Descriptor) -> str:
    return str(message.fields_by_name["name"].GetOptions().Extensions[validate_pb2.field].string.pattern)


def test_the_rules_are_those_of_the_contract() -> None:
    assert names.AGENT.pattern == _contract(identity_pb2.CreateAgentRequest.DESCRIPTOR)
    assert names.OPERATOR.pattern == _contract(identity_pb2.CreateOperatorRequest.DESCRIPTOR)


def test_names_and_numbers_are_read() -> None:
    assert names.agent_name("a-1") == "a-1"
    assert names.operator_name("acme.io") == "acme.io"
    assert names.number("12") == 12


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "٣", "9" * 19 + "9", "1" * 5000])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a number"):
        names.number(text)


def test_other_names_are_refused_with_the_rule() -> None:
    with pytest.raises(typer.BadParameter, match="1 to 50 letters"):
        names.agent_name("a b")
    with pytest.raises(typer.BadParameter, match="1 to 63 letters"):
        names.operator_name("")
