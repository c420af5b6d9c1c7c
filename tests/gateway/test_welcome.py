"""What somebody sees who opens the address of the gateway."""

from __future__ import annotations

import re

from tests.gateway.site import Site

_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_a_program_learns_where_everything_is(site: Site) -> None:
    reply = await site.send("GET", "/", key=None)
    assert reply.status == 200
    assert reply.json["success"] is True
    known = reply.data
    assert (known["service"], known["docs"]) == ("Piecework", "/api/docs")
    assert {face["name"] for face in known["faces"]} == {"queue", "market", "runs", "tools", "mcp"}
    assert all(face["path"].startswith("/api/") and face["about"] for face in known["faces"])
    for name in ("docs", "openapi", "health", "metrics"):
        assert (await site.send("GET", known[name], key=None)).status == 200, name


async def test_a_browser_gets_a_page_with_links_that_work(site: Site) -> None:
    reply = await site.send("GET", "/", key=None, headers=_BROWSER)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    links = re.findall(r'<a href="([^"]+)"', reply.text)
    assert set(links) == {"api/docs", "openapi.json", "health", "metrics"}
    for link in links:
        assert (await site.send("GET", f"/{link}", key=None)).status == 200, link
    for path in ("/api/", "/api/v1/", "/api/developer", "/api/v1/brief/", "/api/v1/mcp"):
        assert f"<code>{path}</code>" in reply.text
    assert "http" not in reply.text, "nothing comes from elsewhere"


async def test_head(site: Site) -> None:
    reply = await site.send("HEAD", "/", key=None)
    assert (reply.status, reply.text) == (200, "")
