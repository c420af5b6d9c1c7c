"""Words of tasks and of queries."""

from __future__ import annotations

import pytest

from services.tasks.market.stems import MAX_WEIGHT, Words, query_terms, weights, words_of


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("parse", "parser"),
        ("parse", "parsing"),
        ("parsing", "parser"),
        ("scraping", "a scraper"),
        ("RUN", "it is running"),
        ("pyth", "python"),
        ("databases", "database"),
        ("web-scraping", "web-scraping"),
        ("web scraping", "web-scraping"),
        ("web_scraping", "web_scraping"),
        ("don't", "don't"),
        ("C++", "in c++ or rust"),
        ("café", "the CAFÉ"),
        ("２０２６", "2026"),  # noqa: RUF001 - wide digits
        ("日本", "日本語"),
    ],
)
def test_a_word_finds_what_begins_with_its_stem(query: str, text: str) -> None:
    words = words_of(text, "")
    terms = query_terms(query)
    assert terms
    assert all(words.weight(term) for term in terms)


@pytest.mark.parametrize(("query", "text"), [("parser", "parse"), ("java", "python"), ("thon", "python"), ("a1", "a2")])
def test_other_words_are_not_found(query: str, text: str) -> None:
    assert not any(words_of(text, "").weight(term) for term in query_terms(query))


@pytest.mark.parametrize("query", ["", "  ", "!?", "___", "the", "To be, or not to be"])
def test_a_query_may_say_nothing(query: str) -> None:
    assert query_terms(query) == []


def test_each_term_counts_once() -> None:
    assert query_terms("parse the parsing PARSED data") == ["pars", "data"]


def test_a_title_weighs_more_than_any_number_of_mentions() -> None:
    found = weights("Scrape a site", "data " * 9 + "python python, csv")
    assert found["scrape"] > found["data"] > found["python"] > found["csv"] > 0
    assert weights("data", "data " * 100) == {"data": MAX_WEIGHT}
    assert "a" not in found


def test_long_words_are_cut() -> None:
    assert max(map(len, weights("x" * 500, ""))) <= 64


def test_weights_of_a_beginning_add_up_to_the_largest() -> None:
    words = words_of("parse parser", "parsed")
    assert words.stems == ("pars", "parser")
    assert (words.weight("parser"), words.weight("pars"), words.weight("q")) == (4, MAX_WEIGHT, 0)
    assert Words().weight("a") == 0
