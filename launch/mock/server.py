"""The routes of the mock server."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from gateway.errors import Failure
from gateway.faces.runs.errors import failed
from gateway.faces.runs.frames import HELLO, RunEvent
from gateway.faces.runs.schemas import AgentStatus, ModelOption, Models, TaskEnded, ThreadTask
from gateway.faces.runs.store_schemas import RemovedFile, RemovedThread
from gateway.faces.runs.upload import LIMIT_BYTES, received
from gateway.sse import HEADERS
from launch.mock.answers import answer, around, cors
from launch.mock.files import MockFiles
from launch.mock.tasks import PROCESSING, RESULT, MockTasks
from launch.mock.threads import MockThreads
from launch.mock.uploads import MockUploads

BASES = ("/api/developer", "/api/v1/developer")
_STREAMS = ("/api/v1/stream", "/api/stream", *(f"{base}/stream" for base in BASES))
_ENDPOINTS = ("POST /run", "GET /status/:id", "GET /results/:id", "GET /stream/:id", "/threads", "/files")
_MODEL = ModelOption("piecework/mock", "Mock", "Free", 128_000, 0.0, 0.0)
_STEP_SECONDS = 0.05
_TOKEN = "/upload-token"  # noqa: S105 - a path
_MOST = 100


class MockServer:
    """Answers as the runs face does, from memory: no key, no platform, nothing that costs."""

    def __init__(self) -> None:
        self._tasks = MockTasks()
        self._threads = MockThreads()
        self._files = MockFiles()
        self._uploads = MockUploads(self._files)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(middlewares=[around], client_max_size=LIMIT_BYTES)
        add = app.router.add_route
        add("GET", "/", self._about)
        add("GET", "/api/v1/models", self._models)
        for path in _STREAMS:
            add("GET", f"{path}/{{id}}", self._stream)
        for base in BASES:
            add("POST", f"{base}/run", self._run)
            for name, handler in (("status", self._status), ("results", self._result)):
                add("GET", f"{base}/{name}/{{id}}", handler)
                for bare in (f"{base}/{name}", f"{base}/{name}/"):
                    add("GET", bare, _no_id)
            self._add_threads(app, f"{base}/threads")
            self._add_files(app, f"{base}/files")
            add("GET", f"{base}/storage", self._storage)
        self._add_files(app, "/api/v1/files")
        add("POST", "/api/v1/tasks/{id}/steer", self._steer)
        return app

    def _add_threads(self, app: web.Application, path: str) -> None:
        app.router.add_route("POST", path, self._create_thread)
        app.router.add_route("GET", path, self._list_threads)
        app.router.add_route("GET", f"{path}/{{id}}", self._get_thread)
        app.router.add_route("DELETE", f"{path}/{{id}}", self._delete_thread)
        app.router.add_route("GET", f"{path}/{{id}}/messages", self._list_messages)
        app.router.add_route("POST", f"{path}/{{id}}/runs", self._run_in_thread)

    def _add_files(self, app: web.Application, path: str) -> None:
        app.router.add_route("POST", path, self._upload)
        app.router.add_route("POST", f"{path}{_TOKEN}", self._announce)
        app.router.add_route("PUT", f"{path}/{{id}}/content", self._send)
        app.router.add_route("POST", f"{path}/complete", self._complete)
        app.router.add_route("GET", path, self._list_files)
        app.router.add_route("GET", f"{path}/{{id}}", self._get_file)
        app.router.add_route("GET", f"{path}/{{id}}/content", self._get_content)
        app.router.add_route("DELETE", f"{path}/{{id}}", self._delete_file)

    async def _about(self, _request: web.Request) -> web.Response:
        return answer({"service": "Piecework Mock API", "status": "running", "endpoints": _ENDPOINTS})

    async def _models(self, _request: web.Request) -> web.Response:
        return answer(Models(enabled=True, default_model_id=_MODEL.id, options=[_MODEL]))

    async def _run(self, _request: web.Request) -> web.Response:
        # What is asked makes no difference: the body is not even read.
        return answer({"taskId": self._tasks.start(), "status": "processing"})

    async def _status(self, request: web.Request) -> web.Response:
        return answer(self._tasks.status(request.match_info["id"]))

    async def _result(self, request: web.Request) -> web.Response:
        return answer(self._tasks.result(request.match_info["id"]))

    async def _steer(self, request: web.Request) -> web.Response:
        # What is said makes no more difference than what was asked.
        task_id = request.match_info["id"]
        return answer(TaskEnded(task_id, "processing", trace_id=task_id))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        task_id, after = request.match_info["id"], request.headers.get("Last-Event-ID", "")
        response = cors(web.StreamResponse(headers=HEADERS))
        await response.prepare(request)
        await response.write(HELLO)
        for number, event in enumerate(_events(task_id), start=1):
            if after.isdigit() and number <= int(after):
                continue
            frame = b"id: %d\nevent: %b\ndata: %b\n\n" % (number, event.type.encode(), msgspec.json.encode(event))
            await response.write(frame)
            await asyncio.sleep(_STEP_SECONDS)
        self._tasks.finish(task_id)
        await response.write_eof()
        return response

    async def _create_thread(self, request: web.Request) -> web.Response:
        return answer(self._threads.create(await _body(request)))

    async def _list_threads(self, request: web.Request) -> web.Response:
        return answer(self._threads.page(*_page(request, 20)))

    async def _get_thread(self, request: web.Request) -> web.Response:
        return answer(self._thread(request))

    async def _delete_thread(self, request: web.Request) -> web.Response:
        thread = self._thread(request)
        return answer(RemovedThread(thread.id, deleted=self._threads.delete(thread.id)))

    async def _list_messages(self, request: web.Request) -> web.Response:
        return answer(self._threads.messages(self._thread(request).id, *_page(request, 50)))

    async def _run_in_thread(self, request: web.Request) -> web.Response:
        thread, body, task_id = self._thread(request), await _body(request), self._tasks.start()
        message = self._threads.run(thread, str(body.get("prompt") or ""), task_id)
        return answer(
            ThreadTask(
                task_id,
                "processing",
                snake_task_id=task_id,
                thread_id=str(thread.id),
                snake_thread_id=thread.id,
                message_id=message,
            )
        )

    async def _upload(self, request: web.Request) -> web.Response:
        async with received(request) as upload:
            return answer(await self._files.store(upload))

    async def _announce(self, request: web.Request) -> web.Response:
        files_url = f"{request.scheme}://{request.host}{request.path.removesuffix(_TOKEN)}"
        return answer(self._uploads.announce(await _body(request), files_url))

    async def _send(self, request: web.Request) -> web.Response:
        return answer(await self._uploads.send(request))

    async def _complete(self, request: web.Request) -> web.Response:
        return answer(self._uploads.complete(await _body(request)) or _missing("File"))

    async def _list_files(self, request: web.Request) -> web.Response:
        return answer(self._files.page(*_page(request, 20)))

    async def _get_file(self, request: web.Request) -> web.Response:
        return answer(self._file(request)[0])

    async def _get_content(self, request: web.Request) -> web.Response:
        file, content = self._file(request)
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=content, headers={**headers, "Content-Type": str(file.mime_type)})

    async def _delete_file(self, request: web.Request) -> web.Response:
        file, _ = self._file(request)
        return answer(RemovedFile(file.id, deleted=self._files.delete(file.id)))

    async def _storage(self, _request: web.Request) -> web.Response:
        return answer(self._files.storage())

    def _thread(self, request: web.Request) -> Any:
        text = request.match_info["id"]
        found = self._threads.find(int(text)) if text.isdigit() and len(text) < 19 else None
        return found or _missing("Thread")

    def _file(self, request: web.Request) -> Any:
        return self._files.find(request.match_info["id"]) or _missing("File")


def _events(task_id: str) -> list[RunEvent]:
    working = [AgentStatus(0, "PROCESSING...", 0.5, role="Researcher")]
    done = [AgentStatus(0, "COMPLETED", 1.0, role="Researcher")]
    return [
        RunEvent("start", task_id, "processing", model_id=_MODEL.id, agent_count=1),
        RunEvent("progress", task_id, "processing", PROCESSING, agent_statuses=working, pending_approval=None),
        RunEvent("complete", task_id, "completed", RESULT, result=RESULT, agent_statuses=done),
    ]


async def _no_id(_request: web.Request) -> web.Response:
    return answer({"error": "Task ID required"}, 400)


async def _body(request: web.Request) -> dict[str, Any]:
    """Return the object that a body holds, an empty one when it holds none: the mock refuses nothing."""
    try:
        found = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _page(request: web.Request, usual: int) -> tuple[int, int]:
    limit, offset = request.query.get("limit", ""), request.query.get("offset", "")
    return (min(_MOST, int(limit)) if limit.isdigit() else usual), (int(offset) if offset.isdigit() else 0)


def _missing(what: str) -> Failure:
    raise failed(404, f"{what.upper()}_NOT_FOUND", f"{what} not found")
