"""Pages that agents fetch, also those that are made to keep us busy."""

from __future__ import annotations

import gzip
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from kit.outbound.client import OutboundClient
from kit.outbound.targets import Rules
from services.orchestrator.runs.toolbox import Toolbox
from tests.service.orchestrator.platform import RunsPlatform

_HTML = (
    "<html><head><title>T</title><script>hidden()</script></head><body><p>The word is &laquo;plum&raquo;.</p></body>"
)
_MIB = 1024 * 1024
# What an agent answers when it was told of something; the last that fits counts.
_SIGNS = {"returned:": "seen", "failed:": "missed", "plum": "plum"}


class Pages:
    """A site of this machine."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        name = request.path.removeprefix("/")
        if name in ("moved", "round"):
            return web.Response(status=302, headers={"location": "page" if name == "moved" else "round"})
        if name == "inside":
            return web.Response(status=302, headers={"location": "http://169.254.169.254/latest/meta-data"})
        if name == "nonsense":
            return web.Response(status=302, headers={"location": "http://[nowhere"})
        if name == "large":
            return web.Response(text="plum " * _MIB, content_type="text/plain")
        if name == "packed":
            body = gzip.compress(bytes(64 * _MIB))
            return web.Response(body=body, headers={"content-type": "text/html", "content-encoding": "gzip"})
        if name == "image":
            return web.Response(body=b"\x89PNG", content_type="image/png")
        if name == "gone":
            return web.Response(status=404, text=_HTML, content_type="text/html")
        if name in _HOSTILE:
            return web.Response(text=_HOSTILE[name], content_type="text/html")
        return web.Response(text=_HTML, content_type="text/html")


_HOSTILE = {
    "scripts": "<script>" * 32_000,
    "half-scripts": "<script></script " * 15_000,
    "brackets": "<" * 262_000,
    "number": "&#" + "9" * 200_000 + ";",
    "surrogate": "&#xD83D; &#55357;",
    "blanks": "\n \t" * 80_000,
    "noise": bytes(range(256)).decode("latin-1") * 1000,
}


@pytest.fixture(scope="module")
async def pages(platform: RunsPlatform) -> AsyncIterator[Pages]:
    """A site, which the agents of the platform may visit for once although it is on this machine."""
    pages = Pages()
    app = web.Application()
    app.router.add_get("/{name:.*}", pages.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pages.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    runs = platform.runs_app.runs
    threads, files = runs.talks.threads, runs.talks.files
    usual, runs.talks.tools = runs.talks.tools, Toolbox(OutboundClient(Rules(allow_loopback=True)), threads, files)
    yield pages
    runs.talks.tools = usual
    await runner.cleanup()


async def _fetched(platform: RunsPlatform, customer: Caller, url: str) -> pb.Step:
    """Let an agent fetch a page, and answer whether it read a word there."""
    wish = msgspec.json.encode({"tool": "webfetch", "arguments": {"url": url}}).decode()
    answers = "".join(f"[[mock if={sign} answer={word}]]" for sign, word in _SIGNS.items())
    prompt = f"Look. [[mock answer={wish}]] {answers}"
    run = await platform.run(customer, prompt, quick=True)
    assert run.status == pb.RUN_STATUS_COMPLETED
    step: pb.Step = run.steps[0]
    assert len(step.tool_calls) == 1
    return step


@pytest.mark.parametrize("name", ["page", "moved", "large"])
async def test_page_is_read(platform: RunsPlatform, customer: Caller, pages: Pages, name: str) -> None:
    step = await _fetched(platform, customer, f"{pages.url}/{name}")

    (call,) = step.tool_calls
    assert (call.name, call.success, call.error) == ("webfetch", True, "")
    assert step.result == "plum"
    assert "hidden" not in call.result_preview
    if name != "large":
        assert call.result_preview == "The word is «plum»."


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("inside", "HTTPS"),
        ("nonsense", "status 302"),
        ("round", "status 302"),
        ("packed", "packed"),
        ("image", "image/png"),
        ("gone", "status 404"),
    ],
)
async def test_page_that_is_none_is_told_to_the_model(
    platform: RunsPlatform, customer: Caller, pages: Pages, name: str, why: str
) -> None:
    pages.asked.clear()

    step = await _fetched(platform, customer, f"{pages.url}/{name}")

    (call,) = step.tool_calls
    assert (call.success, call.result_preview) == (False, "")
    assert why in call.error
    assert step.result == "missed"
    assert len(pages.asked) == (4 if name == "round" else 1)


@pytest.mark.parametrize("name", _HOSTILE)
async def test_hostile_page_keeps_nobody_busy(
    platform: RunsPlatform, customer: Caller, pages: Pages, name: str
) -> None:
    began = time.monotonic()

    step = await _fetched(platform, customer, f"{pages.url}/{name}")

    assert time.monotonic() - began < 10
    assert (step.result, step.attempts) == ("seen", 1)
