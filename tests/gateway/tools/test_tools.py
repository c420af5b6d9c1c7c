"""The free tools over the real services, and a page on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from kit.outbound.client import OutboundClient
from kit.outbound.targets import Rules
from tests.gateway.market.players import good, refused
from tests.gateway.site import Reply, Site

_BRIEF, _SUGGEST = "/api/v1/brief/generate", "/api/v1/brief/suggestions"
_TAGLINE, _SCRAPE = "/api/v1/signature/tagline", "/api/v1/signature/scrape-website"
_HTML = """<!doctype html><html><head><title>A &amp; B</title><meta name=description content="What it is">
<style>p{}</style><script>var hidden = "<p>no</p>"</script></head>
<body><h1>Hello</h1><p>One   <b>two</b></p><p>three</body></html>"""


async def post(site: Site, path: str, body: Any, **options: Any) -> Reply:
    return await site.send("POST", path, key=options.pop("key", None), json=body, **options)


@pytest.fixture
async def pages() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": "/html"})
        if kind == "huge":
            return web.Response(text="<p>" + "word " * 1_000_000, content_type="text/html")
        if kind == "missing":
            return web.Response(status=404)
        if kind == "zip":
            return web.Response(body=b"PK", content_type="application/zip")
        if kind == "squeezed":
            return web.Response(body=b"x", headers={"Content-Encoding": "gzip", "Content-Type": "text/html"})
        return web.Response(text=_HTML, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{kind}", page)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
async def near(another_gateway: Any) -> Site:
    """A gateway that may ask this machine."""
    site: Site = await another_gateway({"outbound": OutboundClient(Rules(allow_loopback=True))})
    return site


async def test_a_brief_of_an_idea(site: Site) -> None:
    idea = "A parser for invoices. It reads PDF."
    data = good(await post(site, _BRIEF, {"idea": idea, "category": "Coding"}))
    assert data["title"] == "A parser for invoices."
    assert 20 <= len(data["description"]) <= 5000
    assert data["requirements"] == ""


async def test_what_a_model_says_in_form_is_used(site: Site) -> None:
    idea = '[[mock answer={"title":"A_good_title","description":"Twenty_characters_are_enough","requirements":"x"}]] do'
    data = good(await post(site, _BRIEF, {"idea": idea}))
    assert data == {"title": "A good title", "description": "Twenty characters are enough", "requirements": "x"}


async def test_suggestions(site: Site) -> None:
    data = good(await post(site, _SUGGEST, {"text": "Make me a website"}))
    assert len(data["suggestions"]) == 5
    assert all(isinstance(each, str) and each for each in data["suggestions"])


async def test_a_tagline(site: Site) -> None:
    data = good(await post(site, _TAGLINE, {"name": "Ada", "about": None}))
    assert data["tagline"]
    data = good(await post(site, _TAGLINE, {"name": "Ada", "about": "[[mock answer=Numbers,_well_told]]"}))
    assert data == {"tagline": "Numbers, well told"}


@pytest.mark.parametrize("fail", ["unreachable", "auth", "refused", "garbage"])
async def test_a_model_that_does_not_answer(site: Site, fail: str) -> None:
    reply = await post(site, _TAGLINE, {"name": "Ada", "about": f"[[mock fail={fail}]]"})
    assert refused(reply, 503, "SERVICE_UNAVAILABLE")
    assert reply.json["detail"] == "The model does not answer now"
    assert reply.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (_BRIEF, {}, "idea"),
        (_BRIEF, {"idea": "  a  "}, "idea"),
        (_BRIEF, {"idea": "x" * 2001}, "idea"),
        (_BRIEF, {"idea": 5}, "idea"),
        (_BRIEF, {"idea": "good", "category": "x" * 101}, "category"),
        (_SUGGEST, {"text": " "}, "text"),
        (_SUGGEST, {"text": "x" * 2001}, "text"),
        (_TAGLINE, {"name": ""}, "name"),
        (_TAGLINE, {"name": "x" * 101}, "name"),
        (_TAGLINE, {"name": "x", "about": "x" * 2001}, "about"),
        (_SCRAPE, {"url": None}, "url"),
        (_SCRAPE, {"url": "x" * 2049}, "url"),
    ],
)
async def test_bodies_that_break_a_rule(site: Site, path: str, body: Any, field: str) -> None:
    reply = await post(site, path, body)
    assert refused(reply, 422, "VALIDATION_ERROR")
    assert field in reply.json["detail"]


@pytest.mark.parametrize("path", [_BRIEF, _SUGGEST, _TAGLINE, _SCRAPE])
async def test_hostile_requests(site: Site, path: str) -> None:
    for raw in (b"", b"{", b"[]", b'{"idea":"\\ud800"}', b"[" * 10_000):
        reply = await site.send("POST", path, key=None, data=raw, headers={"Content-Type": "application/json"})
        assert reply.status == 422, reply.text
    assert (await post(site, path, {"idea": "x" * 70_000})).status == 413
    assert (await post(site, path, {}, key="th_agent_" + "0" * 64)).status == 401
    assert (await site.send("GET", path, key=None)).status == 405
    assert (await site.send("POST", f"{path}/more", key=None)).status == 404


async def test_a_page(near: Site, pages: str) -> None:
    data = good(await post(near, _SCRAPE, {"url": f"{pages}/html"}))
    assert (data["url"], data["title"], data["description"]) == (f"{pages}/html", "A & B", "What it is")
    assert data["text"] == "Hello\nOne two\nthree"
    data = good(await post(near, _SCRAPE, {"url": f"{pages}/huge"}))
    assert 19_990 <= len(data["text"]) <= 20_000


@pytest.mark.parametrize("kind", ["redirect", "missing", "zip", "squeezed"])
async def test_what_is_no_page(near: Site, pages: str, kind: str) -> None:
    assert refused(await post(near, _SCRAPE, {"url": f"{pages}/{kind}"}), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://2130706433/",
        "file:///etc/passwd",
        "https://user:word@example.com/",
        "nonsense",
    ],
)
async def test_targets_that_are_refused(site: Site, url: str) -> None:
    assert refused(await post(site, _SCRAPE, {"url": url}), 422, "VALIDATION_ERROR")


async def test_each_tool_has_its_own_limit(another_gateway: Any) -> None:
    limited: Site = await another_gateway(rate_limits=True, trusted_proxies=(ip_network("127.0.0.0/8"),))
    for number, (path, most) in enumerate(((_BRIEF, 10), (_SUGGEST, 60), (_TAGLINE, 10), (_SCRAPE, 5)), 1):
        headers = {"X-Forwarded-For": f"198.51.100.{100 + number}"}
        for left in reversed(range(most)):
            reply = await post(limited, path, {}, headers=headers)
            assert reply.status == 422
            assert (reply.headers["X-RateLimit-Limit"], reply.headers["X-RateLimit-Remaining"]) == (
                str(most),
                str(left),
            )
        over = await post(limited, path, {}, headers=headers)
        assert refused(over, 429, "RATE_LIMITED")
        assert over.json["detail"] == "Rate limit exceeded. Please try again later."
        assert 0 < int(over.headers["Retry-After"]) <= 3600
        other = await post(limited, path, {}, headers={"X-Forwarded-For": f"198.51.100.{200 + number}"})
        assert other.status == 422, "another address"


async def test_without_limits(site: Site) -> None:
    assert "X-RateLimit-Limit" not in (await post(site, _BRIEF, {})).headers
