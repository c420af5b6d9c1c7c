"""A process that runs engines until it is killed; prints its directory and the ids of its children."""

from __future__ import annotations

import asyncio

from kit import mongo
from kit.engines import EmbeddedEngines, EphemeralDirectory


async def main() -> None:
    with EphemeralDirectory() as directory:
        async with EmbeddedEngines(directory) as engines:
            assert engines.mongod is not None
            assert engines.valkey is not None
            client = mongo.connect(engines.mongodb_uri, app_name="tests")
            await client.test.things.insert_one({"_id": "before"})
            print(directory, engines.mongod.pid, engines.valkey.pid, flush=True)  # noqa: T201 - the test reads it
            await engines.failed


if __name__ == "__main__":
    asyncio.run(main())
