"""The floor: HTTP -> gRPC -> one journaled MongoDB insert, with no logic in between.

As two processes with gRPC over loopback and an insert for each call; and as one, with what Piecework in one process has
too: its in-process channel, and inserts that wait go to the database together. Piecework walks the same roads with all
of its rules, so the ratio of the two is the price of the rules.

Run: python -m bench.floor backend PORT MONGODB_URI    and    python -m bench.floor edge PORT BACKEND_PORT
or:  python -m bench.floor whole PORT MONGODB_URI
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import grpc
import grpc.aio
import msgspec
import uvloop
from aiohttp import web
from google.protobuf import wrappers_pb2
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection

from bench.echo import Body
from kit.combiner import Combiner
from kit.inprocess import InProcessChannel, InProcessServer
from launch.loop import settle

Document = dict[str, Any]
Items = AsyncCollection[Document]

METHOD = "/bench.Floor/Create"


def _pack(message: wrappers_pb2.BytesValue) -> bytes:
    return message.SerializeToString()


def _unpack(data: bytes) -> wrappers_pb2.BytesValue:
    return wrappers_pb2.BytesValue.FromString(data)


def _items(mongodb_uri: str) -> Items:
    """Return a collection whose inserts are acknowledged after the journal."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongodb_uri, maxPoolSize=16)
    return client["floor"].get_collection("items", write_concern=WriteConcern(w="majority", j=True))


def _handlers(insert: Callable[[Document], Awaitable[object]]) -> grpc.GenericRpcHandler:
    """Return one unary method that inserts its JSON payload as one document."""

    async def create(request: wrappers_pb2.BytesValue, _: Any) -> wrappers_pb2.BytesValue:
        document = msgspec.json.decode(request.value)
        document["_id"] = uuid.uuid4().hex
        await insert(document)
        return wrappers_pb2.BytesValue(value=document["_id"].encode())

    method = grpc.unary_unary_rpc_method_handler(create, request_deserializer=_unpack, response_serializer=_pack)
    return grpc.method_handlers_generic_handler("bench.Floor", {"Create": method})


def _app(channel: grpc.aio.Channel) -> web.Application:
    """The HTTP side: decode JSON, one RPC, encode JSON."""
    call: Any = channel.unary_unary(METHOD, request_serializer=_pack, response_deserializer=_unpack)
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Body)

    async def create(request: web.Request) -> web.Response:
        body = decoder.decode(await request.read())
        answer = await call(wrappers_pb2.BytesValue(value=msgspec.json.encode(body)))
        reply = {"success": True, "data": {"id": answer.value.decode(), "variables": body.variables}}
        return web.Response(status=201, body=msgspec.json.encode(reply), content_type="application/json")

    app = web.Application()
    app.router.add_post("/{tail:.*}", create)
    return app


async def backend(port: int, mongodb_uri: str) -> None:
    """Serve the method on loopback; an insert for each call."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([_handlers(_items(mongodb_uri).insert_one)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


async def edge(backend_port: int) -> web.Application:
    """The HTTP side of a backend in another process."""
    return _app(grpc.aio.insecure_channel(f"127.0.0.1:{backend_port}"))


async def whole(mongodb_uri: str) -> web.Application:
    """Both sides in this process; one insert for whatever waited while the last one was written."""
    items = _items(mongodb_uri)

    async def insert(documents: Sequence[Document]) -> list[None]:
        await items.insert_many(documents, ordered=False)
        return [None] * len(documents)

    server = InProcessServer()
    server.add_generic_rpc_handlers([_handlers(Combiner(insert).submit)])
    await server.start()
    app = _app(cast("grpc.aio.Channel", InProcessChannel(server)))
    settle()  # as `piecework up` does, once everything is made
    return app


def main() -> None:
    """Serve one side, or both, until SIGTERM."""
    side, port, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if side == "backend":
        uvloop.run(backend(port, target))
        return
    uvloop.install()
    app = whole(target) if side == "whole" else edge(int(target))
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
