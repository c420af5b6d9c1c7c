"""Every test of this folder runs over a network channel and over an in-process channel, and must not notice."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import grpc_tools
import pytest
from grpc_tools import protoc

from tests.service.kit.channel_contract.links import Journal, Link

_WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
_TESTS = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, ModuleType]]:
    target = tmp_path_factory.mktemp("contract")
    include = [f"-I{_TESTS / 'protos'}", f"-I{_TESTS.parent / 'third_party' / 'proto'}", f"-I{_WELL_KNOWN}"]
    outputs = [f"--python_out={target}", f"--grpc_python_out={target}"]
    assert protoc.main(["protoc", *include, *outputs, "contract.proto"]) == 0
    sys.path.insert(0, str(target))
    yield importlib.import_module("contract_pb2"), importlib.import_module("contract_pb2_grpc")
    sys.path.remove(str(target))


@pytest.fixture(params=["network", "in-process"])
async def closed_link(request: pytest.FixtureRequest, contract: tuple[ModuleType, ModuleType]) -> AsyncIterator[Link]:
    """A link that the test opens itself, with the interceptors it wants."""
    link = Link(request.param, *contract)
    yield link
    await link.close()


@pytest.fixture
async def link(closed_link: Link) -> Link:
    await closed_link.open()
    return closed_link


@pytest.fixture
def journal() -> Journal:
    return Journal()
