"""The jobs of a load generator on the runs face; `bench.jobs` runs them in a process of its own."""

from __future__ import annotations

import json

import msgspec

from bench.load import Bounds, Site

PROMPT = "Compare three ways to cross a river with a heavy load, and say which one is the safest in winter"
RUN_PATH = "/api/developer/run"


class Loop(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Starts a run on each connection, watches it to its end, and starts the next; one operation is one run."""

    site: Site
    bounds: Bounds
    body: str


class Tokens(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Starts runs all at once, whose model writes the time, and notes when each word of it reaches who watches.

    Attributes:
        runs: how many.
        words: how many words each run must show.
    """

    site: Site
    body: str
    runs: int
    words: int


class Burst(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Starts runs all at once and waits for the end of the last; one operation is one run."""

    site: Site
    body: str
    runs: int


def run_body(*, script: str = "", model_id: str = "", quick: bool = False) -> str:
    """Return the body that starts a run of four agents.

    Args:
        script: what the mock is told to do, for example `delay=0.1`.
        model_id: the model, which is paid from the run's budget; the mock without costs when empty.
        quick: one agent instead, whose answer is taken as it is.
    """
    prompt = f"{PROMPT} [[mock {script}]]" if script else PROMPT
    options = {"quickModeEnabled": True} if quick else {"agentCount": 4}
    if model_id:
        return json.dumps({"prompt": prompt, "modelId": model_id, "options": options})
    return json.dumps({"prompt": prompt, "options": {**options, "mock": True}})
