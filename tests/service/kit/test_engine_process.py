"""A child process of any kind: what is said when it ends, and that it ends when told."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.engines import EngineError
from kit.engines.process import EngineProcess


async def never() -> bool:
    return False


async def test_a_full_disk_is_named(tmp_path: Path) -> None:
    process = EngineProcess("engine", tmp_path / "log")
    await process.spawn(["/bin/sh", "-c", "echo 'write failed: No space left on device'; exit 14"])
    with pytest.raises(EngineError, match=r"the disk of .* is full"):
        await process.until(never, 10)


async def test_severe_lines_of_a_log_are_shown_first(tmp_path: Path) -> None:
    lines = ['{"s":"E","msg":"it broke","attr":{"why":"rust"}}', *['{"s":"I","msg":"idle"}'] * 50]
    script = tmp_path / "lines"
    script.write_text("\n".join(lines))
    process = EngineProcess("engine", tmp_path / "log")
    await process.spawn(["/bin/sh", "-c", f"cat {script}; exit 3"])
    with pytest.raises(EngineError) as failed:
        await process.until(never, 10)
    assert str(failed.value).startswith("engine ended with status 3")
    assert 'it broke {"why": "rust"}' in str(failed.value)
    assert "idle" not in str(failed.value)


async def test_only_the_log_of_this_start_is_shown(tmp_path: Path) -> None:
    process = EngineProcess("engine", tmp_path / "log")
    for word in ("first", "second"):
        await process.spawn(["/bin/sh", "-c", f"echo {word}"])
        await process.wait()
    assert process.log_text() == "second\n"


async def test_a_start_that_takes_too_long_fails(tmp_path: Path) -> None:
    process = EngineProcess("engine", tmp_path / "log")
    await process.spawn(["/bin/sh", "-c", "exec sleep 60"])
    with pytest.raises(EngineError, match="was not ready within 0 s"):
        await process.until(never, 0.05)
    await process.kill()
    assert process.describe_end() == "engine was ended by SIGKILL"


async def test_a_process_that_does_not_end_is_killed(tmp_path: Path) -> None:
    process = EngineProcess("engine", tmp_path / "log")
    await process.spawn(["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])

    async def ready() -> bool:
        return "ready" in process.log_text()

    await process.until(ready, 10)
    assert process.pid is not None
    await process.stop(0.1)
    assert not process.running
    assert process.stopping
    assert process.pid is None
