"""The floor: HTTP -> gRPC over loopback -> one journaled MongoDB insert, with no logic in between, as two processes.

Piecework as two processes walks the same road with all of its rules, so the ratio of the two is the price of the rules.

Run: python -m bench.floor backend PORT MONGODB_URI    and    python -m bench.floor edge PORT BACKEND_PORT
"""

from __future__ import annotations

import sys
import uuid
from typing import Any

import grpc
import grpc.aio
import msgspec
import uvloop
from aiohttp import web
from google.protobuf import wrappers_pb2
from pymongo import AsyncMongoClient, WriteConcern

from bench.echo import Body

METHOD = "/bench.Floor/Create"


def _pack(message: wrappers_pb2.BytesValue) -> bytes:
    return message.SerializeToString()


def _unpack(data: bytes) -> wrappers_pb2.BytesValue:
    return wrappers_pb2.BytesValue.FromString(data)


async def backend(port: int, mongodb_uri: str) -> None:
    """Serve one unary method that inserts its JSON payload as one document, acknowledged after the journal."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongodb_uri, maxPoolSize=16)
    items = client["floor"].get_collection("items", write_concern=WriteConcern(w="majority", j=True))

    async def create(request: wrappers_pb2.BytesValue, _: Any) -> wrappers_pb2.BytesValue:
        document = msgspec.json.decode(request.value)
        document["_id"] = uuid.uuid4().hex
        await items.insert_one(document)
        return wrappers_pb2.BytesValue(value=document["_id"].encode())

    method = grpc.unary_unary_rpc_method_handler(create, request_deserializer=_unpack, response_serializer=_pack)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("bench.Floor", {"Create": method})])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


async def edge(backend_port: int) -> web.Application:
    """The HTTP side: decode JSON, one RPC, encode JSON."""
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{backend_port}")
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


def main() -> None:
    """Serve one of the two sides until SIGTERM."""
    side, port, target = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if side == "backend":
        uvloop.run(backend(port, target))
        return
    uvloop.install()
    web.run_app(edge(int(target)), host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
