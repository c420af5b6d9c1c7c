"""The jobs of a load generator: what to send, at which bounds. They travel as JSON to a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

import msgspec

from bench.load import Bounds, Series, Site
from bench.market.jobs import Deals, Live, Pages
from bench.runs.jobs import Burst, Loop, Tokens

JOB_TIMEOUT_SECONDS = 300


class Repeat(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The same request again and again; each stands for `tasks_each` tasks."""

    site: Site
    bounds: Bounds
    method: str
    path: str
    body: str = ""
    tasks_each: int = 1


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Workers that ask for the next task and complete it; one operation is one task."""

    site: Site
    bounds: Bounds


class GrpcDrain(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Leases and completes batches over gRPC; one operation is one batch."""

    site: Site
    bounds: Bounds
    batch: int


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Workers that wait on an empty queue until their wait ends."""

    site: Site
    workers: int
    wait_seconds: int


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Creates tasks at a steady pace and times their events on the project's SSE stream."""

    site: Site
    count: int
    per_second: float
    body: str


Job = Repeat | Drain | GrpcDrain | Wait | Watch | Pages | Deals | Live | Loop | Burst | Tokens


def run(job: Job) -> dict[str, Series]:
    """Run `job` in a generator process and return its series by name.

    Raises:
        RuntimeError: the generator failed; what it said goes to standard error. No result may hold a path of a machine.
    """
    command = [sys.executable, "-m", "bench.generator"]
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command, input=msgspec.json.encode(job), stdout=said, stderr=subprocess.PIPE, timeout=JOB_TIMEOUT_SECONDS
        )
        if done.returncode != 0:
            sys.stderr.write(done.stderr.decode(errors="replace")[-2000:])
            raise RuntimeError(f"{type(job).__name__} failed")
        said.seek(0)
        return msgspec.json.decode(said.read(), type=dict[str, Series])


def create_body(type_id: str) -> str:
    """The body of a single create, and of the echo beside it."""
    variables = {"path": "src/module_17/part.py", "aspect": "authentication, authorization, input validation"}
    return json.dumps({"typeId": type_id, "variables": variables})


def bulk_body(type_id: str, size: int) -> str:
    """The body of a bulk create of `size` tasks."""
    return '{"tasks":[' + ",".join([create_body(type_id)] * size) + "]}"
