"""The models of the measurement: the mock that is built in, and one that tells the time, in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import engines
from bench.plan import Plan
from bench.product import ROOT

CLOCK = "bench/clock"
CALLS_THAT_TELL = 6  # four agents, joining, checking; what takes a prompt apart shows nothing
_CATALOGUE = """\
models:
  - id: {id}
    provider: openai
    base_url: http://127.0.0.1:{port}/v1
    context_length: 32768
    input_credits_per_1k: 0.1
    output_credits_per_1k: 0.2
"""


@contextmanager
def clock(folder: Path, plan: Plan) -> Iterator[Path]:
    """Serve the model that tells the time, beginning a new `folder`; yields the file that names it to a platform."""
    folder.mkdir(parents=True)
    port = engines.free_port()
    file = folder / "models.yaml"
    file.write_text(_CATALOGUE.format(id=CLOCK, port=port))
    pace = [str(plan.words), str(plan.words_per_second)]
    command = [sys.executable, "-m", "bench.runs.clock", str(port), *pace]
    with engines.running(command, "clock", lambda: engines.answers(port), folder, cwd=ROOT):
        yield file
