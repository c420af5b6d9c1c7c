"""A bare aiohttp + msgspec POST echo on uvloop: the most this machine's HTTP edge could do for the same body.

Run: python -m bench.echo PORT
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import uvloop
from aiohttp import web


class Body(msgspec.Struct, omit_defaults=True):
    """The fields of the bodies that the benchmark posts."""

    typeId: str = ""  # noqa: N815 - the name on the wire
    variables: dict[str, str] = {}
    projectId: str = ""  # noqa: N815
    agentName: str = ""  # noqa: N815
    result: str = ""


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Body)
_encoder = msgspec.json.Encoder()


async def echo(request: web.Request) -> web.Response:
    """Decode the body into a struct and send it back."""
    body = _decoder.decode(await request.read())
    return web.Response(body=_encoder.encode(body), content_type="application/json")


def main() -> None:
    """Serve until SIGTERM."""
    app = web.Application()
    app.router.add_post("/{tail:.*}", echo)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
