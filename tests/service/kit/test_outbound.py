"""The client for requests to the outside, against servers of this machine that mean no good."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider

from kit.outbound.client import Answer, OutboundClient
from kit.outbound.errors import NameUnknown, RequestFailed, TargetRefused
from kit.outbound.targets import Rules
from tests.service.kit.outside import Names, Site, certificate

NAME = "hooks.example.com"
LAPTOP = Rules(allow_loopback=True)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    await site.start(None)
    yield site
    await site.stop()


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[Site, ssl.SSLContext]]:
    server, trust = certificate(NAME, tmp_path)
    site = Site()
    await site.start(server)
    yield site, trust
    await site.stop()


async def post(client: OutboundClient, url: str, timeout_seconds: float = 10, limit: int = 1000) -> Answer:
    return await client.request(
        "POST", url, headers={"X-Own": "1"}, body=b"{}", timeout_seconds=timeout_seconds, max_body_bytes=limit
    )


async def test_a_name_is_asked_for_once_and_the_answer_is_connected_to(secure: tuple[Site, ssl.SSLContext]) -> None:
    site, trust = secure
    # The second answer would lead elsewhere; nobody asks for it.
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    answer = await post(OutboundClient(LAPTOP, lookup=names, trust=trust), f"https://{NAME}:{site.port}/x")
    assert (answer.status, answer.body, answer.complete) == (200, b"{}", True)
    assert names.asked == [NAME]
    assert site.sni == [NAME]
    ((method, host, headers),) = site.requests
    assert (method, host, headers["X-Own"]) == ("POST", f"{NAME}:{site.port}", "1")


async def test_a_certificate_of_another_name_is_not_trusted(secure: tuple[Site, ssl.SSLContext]) -> None:
    site, trust = secure
    client = OutboundClient(LAPTOP, lookup=Names(["127.0.0.1"]), trust=trust)
    with pytest.raises(RequestFailed, match="certificate"):
        await post(client, f"https://other.example.com:{site.port}/")
    with pytest.raises(RequestFailed, match="certificate"):
        await post(OutboundClient(LAPTOP, lookup=Names(["127.0.0.1"])), f"https://{NAME}:{site.port}/")
    assert site.requests == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["8.8.8.8", "127.0.0.1"],
        ["2606:4700:4700::1111", "fe80::1%eth0"],
    ],
)
async def test_a_name_of_a_private_address_is_refused(
    secure: tuple[Site, ssl.SSLContext], addresses: list[str]
) -> None:
    site, trust = secure
    client = OutboundClient(lookup=Names(addresses), trust=trust)
    url = f"https://{NAME}:{site.port}/"
    for asked in (client.check(url), post(client, url)):
        with pytest.raises(TargetRefused) as caught:
            await asked
        assert caught.value.kind == "address"
        assert not any(address in str(caught.value) for address in addresses)
    assert site.sni == []


async def test_a_name_that_changes_between_check_and_connection_is_refused(
    secure: tuple[Site, ssl.SSLContext],
) -> None:
    site, trust = secure
    client = OutboundClient(lookup=Names(["8.8.8.8"], ["127.0.0.1"]), trust=trust)
    url = f"https://{NAME}:{site.port}/"
    await client.check(url)
    with pytest.raises(TargetRefused):
        await post(client, url)
    assert site.sni == []


async def test_without_tls_only_this_machine_is_asked_and_only_on_a_laptop(site: Site) -> None:
    url = f"http://localhost:{site.port}/"
    assert (await post(OutboundClient(LAPTOP, lookup=Names(["127.0.0.1"])), url)).status == 200
    for client in (
        OutboundClient(LAPTOP, lookup=Names(["8.8.8.8"])),
        OutboundClient(LAPTOP, lookup=Names(["127.0.0.1", "10.0.0.1"])),
        OutboundClient(LAPTOP, lookup=Names([])),
        OutboundClient(lookup=Names(["127.0.0.1"])),
    ):
        with pytest.raises(TargetRefused) as caught:
            await client.check(url)
        assert caught.value.kind == "scheme"
    assert len(site.requests) == 1


async def test_a_name_without_an_address_passes_the_check_and_fails_when_asked() -> None:
    client = OutboundClient(lookup=Names([]))
    await client.check("https://hooks.example.com/")
    with pytest.raises(NameUnknown):
        await post(client, "https://hooks.example.com/")


async def test_the_resolver_of_the_system(site: Site) -> None:
    client = OutboundClient(LAPTOP)
    assert (await post(client, f"http://localhost:{site.port}/")).status == 200
    with pytest.raises(NameUnknown):
        await post(client, "https://no-such-name.invalid/")
    with pytest.raises(TargetRefused):
        await OutboundClient().check("https://localhost/")


async def test_redirects_are_answers(site: Site) -> None:
    async def away(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{site.port}/secret"})

    site.answer = away
    answer = await post(OutboundClient(LAPTOP), f"http://127.0.0.1:{site.port}/")
    assert answer.status == 302
    assert answer.headers["location"].endswith("/secret")
    assert len(site.requests) == 1


async def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await post(OutboundClient(LAPTOP), f"http://127.0.0.1:{site.port}/")).status == 200


async def test_an_endless_answer_is_read_to_its_limit(site: Site) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        await response.prepare(request)
        while not site.released.is_set():
            await response.write(b"x" * 65_536)
        return response

    site.answer = endless
    answer = await post(OutboundClient(LAPTOP), f"http://127.0.0.1:{site.port}/", limit=10_000)
    assert (answer.status, answer.body, answer.complete) == (200, b"x" * 10_000, False)


async def test_a_status_counts_though_the_body_never_ends(site: Site) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        await response.prepare(request)
        await response.write(b"a")
        await site.released.wait()
        return response

    site.answer = slow
    answer = await post(OutboundClient(LAPTOP), f"http://127.0.0.1:{site.port}/", timeout_seconds=0.5)
    assert (answer.status, answer.body, answer.complete) == (202, b"a", False)


async def test_failures_say_nothing_of_our_network(site: Site) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await site.released.wait()
        return web.Response()

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    client, url = OutboundClient(LAPTOP), f"http://127.0.0.1:{site.port}/"
    site.answer = hang
    with pytest.raises(RequestFailed, match=r"^No answer within 0.2 seconds$"):
        await post(client, url, timeout_seconds=0.2)
    site.answer = hang_up
    with pytest.raises(RequestFailed, match=r"^The connection was lost$"):
        await post(client, url)
    with pytest.raises(RequestFailed, match=r"^The connection was refused$"):
        await post(client, "http://127.0.0.1:1/")
    with pytest.raises(RequestFailed, match=r"^No secure connection could be made$"):
        await post(client, f"https://127.0.0.1:{site.port}/")


async def test_an_answer_that_is_no_http() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RequestFailed, match=r"^The answer is not valid HTTP$"):
        await post(OutboundClient(LAPTOP), f"http://127.0.0.1:{port}/")
    server.close()


async def test_the_trace_goes_on_at_the_receiver(site: Site) -> None:
    client, url = OutboundClient(LAPTOP), f"http://127.0.0.1:{site.port}/"
    await post(client, url)
    with TracerProvider().get_tracer("test").start_as_current_span("a delivery") as span:
        await post(client, url)
        trace_id = f"{span.get_span_context().trace_id:032x}"
    (_, _, plain), (_, _, traced) = site.requests
    assert "traceparent" not in {name.lower() for name in plain}
    assert traced["traceparent"].split("-")[1] == trace_id
