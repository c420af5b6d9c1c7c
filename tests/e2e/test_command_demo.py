"""`piecework demo`, on a few files, and with a round of the market."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.piecework import run


async def test_the_demonstration_counts_what_wc_counts_and_pays_what_was_agreed() -> None:
    ended = await run("demo", "--tasks", "24", "--workers", "3", "--mock")
    assert ended.status == 0, ended.err
    assert "24 completed" in ended.out
    assert "the totals are those of wc" in ended.out
    for event in ("claim.accepted", "deliverable.revision_requested", "deliverable.accepted"):
        assert f"webhook {event} " in ended.out
    assert "poster paid 150, worker got 135, the platform keeps 15" in ended.out
    assert ended.out.splitlines()[-1].startswith("This is a mock response")
    assert "4 agents, 0 credits" in ended.err


async def test_a_place_without_enough_files_is_told(memory_dir: Path) -> None:
    ended = await run("demo", "--repository", memory_dir / "none")
    assert ended.status == 1
    assert f"{memory_dir / 'none'} is not a directory" in ended.err
    few = memory_dir / "few"
    few.mkdir()
    (few / "one.txt").write_text("one")
    ended = await run("demo", "--repository", few)
    assert ended.status == 1
    assert "has 1 short text file, and the demonstration needs 200" in ended.err
    assert "--tasks" in ended.err
