"""Pages that were made to be slow or to break the reader."""

from __future__ import annotations

import time

import pytest

from gateway.faces.tools import pages

_PARTS = [
    "<",
    "<!",
    "<![",
    "<![x",
    "<?",
    "<a ",
    "<a b='",
    "<!--",
    "&",
    " \n",
    "</a ",
    "<p>",
    "<svg>",
    "<a" + " b" * 9,
    "\0",
]


@pytest.mark.parametrize("part", _PARTS)
def test_a_megabyte_of_anything_is_read_in_time(part: str) -> None:
    began = time.thread_time()
    page = pages.read(part * (1024 * 1024 // len(part)))
    assert time.thread_time() - began < 8, "two seconds of a processor, and room for a slow one"
    assert len(page.text) <= 20_000


def test_what_follows_a_section_is_read() -> None:
    assert pages.read("<p>a<![if !IE]><b>b</b><![endif]><p>c").text == "ab\nc"
