"""A local server that behaves like the APIs of GitHub and Vercel, as far as previews need them."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from aiohttp import web

TOKENS = {"github": "gh-secret-token", "vercel": "vc-secret-token"}
TEAM = "team_7"


class Outside:
    """Plays both APIs, each at a path of its own."""

    def __init__(self) -> None:
        # Files at the root by repository and branch; the first branch is the repository's own.
        self.repositories: dict[str, dict[str, set[str]]] = {}
        self.private: set[str] = set()
        self.moved: dict[str, str] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.started: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.refusals: dict[str, web.Response] = {}  # by name of an API
        self.silent = asyncio.Event()
        self.silent.set()
        self.url = ""
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/github/repos/{owner}/{name}", self._repository),
                web.get("/github/repos/{owner}/{name}/contents/{path}", self._contents),
                web.post("/vercel/v13/deployments", self._deploy),
                web.get("/vercel/v13/deployments/{id}", self._deployment),
                web.delete("/vercel/v13/deployments/{id}", self._remove),
            ]
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        self.silent.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def forget(self) -> None:
        """Begin anew."""
        self.repositories = {"octo/site": {"trunk": {"package.json"}, "old": {"index.html"}, "bare": {"README.md"}}}
        self.private.clear()
        self.moved.clear()
        self.refusals.clear()
        self.silent.set()
        self.started.clear()
        self.removed.clear()

    def move(self, deployment_id: str, state: str, **fields: Any) -> None:
        """Let a deployment go on."""
        self.deployments[deployment_id] |= {"readyState": state, **fields}

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        await self.silent.wait()
        api = request.path.split("/")[1]
        if request.headers.get("Authorization") != f"Bearer {TOKENS[api]}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        if api == "vercel" and request.query.get("teamId") != TEAM:
            return web.json_response({"error": {"code": "forbidden", "message": "Not authorized"}}, status=403)
        if api in self.refusals and (api == "github" or request.method == "POST"):
            return self.refusals[api]
        answer: web.StreamResponse = await handler(request)
        return answer

    def _found(self, request: web.Request) -> dict[str, set[str]]:
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        if name in self.moved:
            raise web.HTTPMovedPermanently(request.path.replace(name, self.moved[name]))
        if name not in self.repositories:
            raise web.HTTPNotFound(text='{"message": "Not Found"}', content_type="application/json")
        return self.repositories[name]

    async def _repository(self, request: web.Request) -> web.Response:
        branches = self._found(request)
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        body = {"full_name": name, "private": name in self.private, "default_branch": next(iter(branches))}
        return web.json_response(body)

    async def _contents(self, request: web.Request) -> web.Response:
        branches = self._found(request)
        branch = request.query.get("ref", next(iter(branches)))
        if request.match_info["path"] not in branches.get(branch, set()):
            raise web.HTTPNotFound(text='{"message": "Not Found"}', content_type="application/json")
        return web.json_response({"type": "file", "name": request.match_info["path"]})

    async def _deploy(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.started.append(body)
        number = f"dpl_{next(self._numbers)}"
        made = {"id": number, "url": f"{number}.preview.example", "readyState": "QUEUED"}
        self.deployments[number] = made
        return web.json_response(made)

    async def _deployment(self, request: web.Request) -> web.Response:
        found = self.deployments.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": {"code": "not_found", "message": "Not found"}}, status=404)
        return web.json_response(found)

    async def _remove(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        self.removed.append(number)
        if self.deployments.pop(number, None) is None:
            return web.json_response({"error": {"code": "not_found", "message": "Not found"}}, status=404)
        return web.json_response({"uid": number, "state": "DELETED"})
