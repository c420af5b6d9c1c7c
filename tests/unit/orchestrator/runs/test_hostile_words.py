"""Texts that are made to be slow to read: each is read in no time."""

from __future__ import annotations

import time

import pytest

from services.orchestrator.files.sniffing import Sniffer
from services.orchestrator.runs.pages import readable
from services.orchestrator.runs.tools import READ, Wish, read_wish

_MOST_SECONDS = 2.0


@pytest.mark.parametrize(
    "text",
    [
        "```" + "\n" * 36_000 + "x",
        "```" + " " * 36_000 + "x```",
        "`" * 36_000,
        "{" * 3_900,
        '{"tool":' * 400,
        '{"tool":"read","arguments":{"offset":' + "9" * 3_000 + "}}",
    ],
    ids=["open block", "blank block", "marks", "braces", "nested", "number"],
)
def test_answers_are_told_from_wishes_at_once(text: str) -> None:
    began = time.thread_time()

    wish = read_wish(text, (READ,))

    assert time.thread_time() - began < _MOST_SECONDS
    assert wish is None or len(text) - 100 < len(wish.arguments_json) < len(text)


@pytest.mark.parametrize(
    "text",
    ['{"tool":"read"}', '```\n{"tool":"read"}\n```', '```json\n{"tool":"read"}```', ' ```json {"tool":"read"} ``` '],
)
def test_wishes_may_be_blocks_of_code(text: str) -> None:
    assert read_wish(text, (READ,)) == Wish(READ)


@pytest.mark.parametrize(
    "text",
    [
        "<!---->" * 580 + "x",
        "<!--" * 1000,
        "<!DOCTYPE a>" * 300,
        "<?xml" + " " * 4000,
        " " * 4090,
        "<!-- " * 800 + "-->",
    ],
    ids=["comments", "open comments", "types", "declaration", "blanks", "comment"],
)
def test_files_that_look_like_images_for_long_are_text(text: str) -> None:
    sniffer = Sniffer("a.txt", "")
    began = time.thread_time()

    sniffer.add(text.encode())

    assert sniffer.result() == "text/plain"
    assert time.thread_time() - began < _MOST_SECONDS


def test_image_after_many_comments_is_one() -> None:
    sniffer = Sniffer("a.txt", "")
    sniffer.add(b"<!-- a --> <!---->\n<!DOCTYPE svg>" * 20 + b"<svg>")

    assert sniffer.result() == "image/svg+xml"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><script>b</script >c", "a c"),
        ("<SCRIPT src=x>b</SCRIPT>a<style>b</style><svg><path/></svg>", "a"),
        ("<script>never closed <b>a</b>", "never closed a"),
        ("a &lt;b&gt; &#65; &#x1F600; &#99999999999;", "a <b> A \U0001f600 \ufffd"),
        ("a\n\n\n\nb  \t c", "a\n\nb c"),
    ],
)
def test_pages_are_read_as_people_see_them(html: str, text: str) -> None:
    assert readable(html) == text
