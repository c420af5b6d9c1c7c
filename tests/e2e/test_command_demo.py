"""`piecework demo`, on a few files."""

from __future__ import annotations

from tests.e2e.piecework import run


async def test_the_demonstration_counts_what_wc_counts() -> None:
    ended = await run("demo", "--tasks", "24", "--workers", "3")
    assert ended.status == 0, ended.err
    assert "24 completed" in ended.out
    assert "the totals are those of wc" in ended.out
