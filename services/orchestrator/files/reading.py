"""Reads the texts of files, within hard limits of size and time."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from services.orchestrator.files.model import File
from services.orchestrator.files.sniffing import PDF, TEXTS, decode

if TYPE_CHECKING:
    from services.orchestrator.files.store import FileStore

MAX_CHARACTERS = 200_000
MAX_PAGES = 500
MAX_SECONDS = 20.0
MAX_MEMORY_BYTES = 768 * 1024 * 1024
# Whatever the encoding, these hold a mark of it and more characters than are kept.
_TEXT_BYTES = 4 * (MAX_CHARACTERS + 1) + 4
_AT_ONCE = 2
_MAX_LINE_BYTES = 8 * 1024 * 1024
_PROGRAM = Path(__file__).with_name("pdf_program.py")
_CUT = "\n[The rest of the file is left out.]"
_log = structlog.get_logger(__name__)


class Page(msgspec.Struct):
    """A line that the reader of PDF prints: a page, or why there are no more."""

    text: str = ""
    problem: str = ""


class TextReader:
    """Reads texts. PDF, whose readers can be led astray, is read in a process of its own.

    Args:
        store: has the bytes.
        seconds: how long a PDF may take.
    """

    def __init__(self, store: FileStore, seconds: float = MAX_SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def text(self, file: File) -> str:
        """Return the text of a file, with a note in brackets where there is none or not all of it."""
        if file.mime_type in TEXTS:
            beginning = await self._content(file, _TEXT_BYTES)
            return _shortened(decode(beginning, whole=file.size <= _TEXT_BYTES))
        if file.mime_type == PDF:
            async with self._turns:
                return await self._pdf(await self._content(file, file.size))
        return f"[{file.mime_type}, {file.size} bytes, without text]"

    async def _content(self, file: File, most: int) -> bytes:
        content = bytearray()
        async with aclosing(self._store.read(file.id)) as parts:
            async for part in parts:
                content += part
                if len(content) >= most:
                    break
        return bytes(content[:most])

    async def _pdf(self, content: bytes) -> str:
        arguments = (MAX_PAGES, MAX_CHARACTERS, MAX_MEMORY_BYTES, int(self._seconds) + 1)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_PROGRAM), *map(str, arguments)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_LINE_BYTES,
        )
        pages = Pages()
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.gather(_feed(process, content), pages.take(process))
        except TimeoutError:
            pages.problem = "it takes too long to read"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if pages.problem:
            _log.info("a PDF could not be read to its end", problem=pages.problem)
        return pages.text()


class Pages:
    """The pages that came so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._room = MAX_CHARACTERS
        self.problem = "it is damaged"

    async def take(self, process: asyncio.subprocess.Process) -> None:
        """Take pages until the end; a process that dies leaves what came before."""
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
                page = msgspec.json.decode(line, type=Page) if line else None
            except (ValueError, msgspec.MsgspecError):
                page = None
            if page is None:
                return
            if not page.text:
                self.problem = page.problem
                return
            self._texts.append(page.text[: self._room])
            self._room -= len(page.text)
            if self._room <= 0:
                self.problem = "it is too long"
                return

    def text(self) -> str:
        """Return all of it."""
        text = "\n\n".join(each for each in self._texts if each.strip())
        if not text:
            return f"[No text was found in this PDF{f': {self.problem}' if self.problem else ''}.]"
        return f"{text}\n[Not all of the PDF was read: {self.problem}.]" if self.problem else text


async def _feed(process: asyncio.subprocess.Process, content: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(content)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + _CUT
