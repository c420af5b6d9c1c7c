"""The catalogue of models: what files may say, and that a file may change while it is used."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from services.orchestrator.models.catalogue import Catalogue, CatalogueError, parse
from services.orchestrator.models.errors import ModelUnknown
from services.orchestrator.models.model import LOCAL, ModelSpec

MORE = """
default: a/one
models:
  - id: a/one
    provider: openai
    base_url: https://one.example/v1
    input_credits_per_1k: 0.15
  - id: piecework/mock
    provider: mock
    label: Another mock
"""


def everything(_: ModelSpec) -> bool:
    return True


def write(path: Path, text: str, at: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))


def test_the_built_in_models_are_enough() -> None:
    listing = Catalogue(None, everything).listing()
    assert list(listing.models) == ["piecework/mock", "piecework/smollm2-135m"]
    assert listing.default_id == "piecework/mock"


def test_what_cannot_be_used_is_not_there() -> None:
    catalogue = Catalogue(None, lambda spec: spec.provider != LOCAL)
    assert list(catalogue.listing().models) == ["piecework/mock"]
    with pytest.raises(ModelUnknown):
        catalogue.find("piecework/smollm2-135m")


def test_a_file_adds_models_and_takes_the_place_of_others(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    write(path, MORE, 1)
    catalogue = Catalogue(path, everything)
    assert list(catalogue.listing().models) == ["a/one", "piecework/mock", "piecework/smollm2-135m"]
    assert catalogue.find("").id == "a/one"
    assert catalogue.find("a/one").input_credits_per_1k == Decimal("0.15")
    assert catalogue.find("piecework/mock").label == "Another mock"


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    write(path, MORE, 1)
    catalogue = Catalogue(path, everything)
    first = catalogue.listing()
    assert catalogue.listing() is first
    write(path, MORE.replace("a/one", "a/two"), 2)
    assert catalogue.find("").id == "a/two"
    for wrong in ("models: 7", "{", MORE.replace("default: a/one", "default: a/none"), "\x00"):
        write(path, wrong, 3 + len(wrong))
        assert catalogue.find("").id == "a/two"
    path.unlink()
    assert catalogue.find("").id == "a/two"
    write(path, MORE, 99)
    assert catalogue.find("").id == "a/one"


def test_a_wrong_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read"):
        Catalogue(tmp_path / "none.yaml", everything)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("provider: openai", "provider: magic"), "Invalid enum value"),
        (("https://", "ftp://"), "base_url"),
        (("0.15", "-1"), "prices"),
        (("0.15", ".nan"), "prices"),
        (("id: a/one", "id: ''"), "an id"),
        (("id: piecework/mock", "id: a/one"), "two models"),
        (("    label: Another mock", "    labels: x"), "unknown field"),
        (("    label: Another mock", "    concurrency: -1"), "limits"),
        (("    label: Another mock", "    context_length: 0"), "context_length"),
    ],
)
def test_what_a_file_may_not_say(change: tuple[str, str], problem: str) -> None:
    assert change[0] in MORE
    with pytest.raises(CatalogueError, match=problem):
        parse(MORE.replace(*change))


@pytest.mark.parametrize(
    ("price_in", "price_out", "tokens_in", "tokens_out", "credits"),
    [
        ("0.1", "0.2", 0, 0, 0),
        ("0.1", "0.2", 1, 0, 1),
        ("1", "2", 1000, 1000, 3),
        ("1", "2", 1001, 1000, 4),
        ("0.1", "0.2", 10_000, 0, 1),
        ("0", "0", 10**9, 10**9, 0),
    ],
)
def test_prices_are_exact_and_rounded_up(
    price_in: str,
    price_out: str,
    tokens_in: int,
    tokens_out: int,
    credits: int,  # noqa: A002
) -> None:
    spec = ModelSpec(
        id="x", provider="mock", input_credits_per_1k=Decimal(price_in), output_credits_per_1k=Decimal(price_out)
    )
    assert spec.price(tokens_in, tokens_out) == credits
