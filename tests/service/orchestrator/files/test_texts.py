"""The texts of files, also of those that are made to do harm."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import psutil
import pytest

from services.orchestrator.files.model import File
from services.orchestrator.files.reading import MAX_CHARACTERS, TextReader
from services.orchestrator.files.service import FileService
from services.orchestrator.files.store import FileStore
from tests.service.orchestrator.features import OWNER, Features
from tests.service.orchestrator.files.samples import PNG, bomb, pdf, pdf_of, upload


@pytest.fixture
def service(features: Features) -> FileService:
    return features.file_parts.service


async def text_of(features: Features, filename: str, content: bytes) -> str:
    file = await upload(features, filename, content)
    ((name, text),) = await features.file_parts.service.texts(1, [file.id])
    assert name == filename
    return text


@pytest.mark.parametrize(
    ("filename", "content", "text"),
    [
        ("a.txt", b"Hello", "Hello"),
        ("a.csv", b"\xef\xbb\xbfa,b\n1,2\n", "a,b\n1,2\n"),
        ("a.md", b"# Title", "# Title"),
        ("a.json", json.dumps({"a": "\ud83d\ude00"}).encode(), '{"a": "\\ud83d\\ude00"}'),
        ("a.txt", "Grüße".encode("utf-16"), "Grüße"),
        ("a.txt", "Grüße €".encode("cp1252"), "Grüße €"),
        ("a.png", PNG, "[image/png, 72 bytes, without text]"),
    ],
)
async def test_text_is_read_as_it_is(features: Features, filename: str, content: bytes, text: str) -> None:
    assert await text_of(features, filename, content) == text


async def test_a_pdf_gives_its_pages(features: Features) -> None:
    assert await text_of(features, "a.pdf", pdf("First page", "", "Third page")) == "First page\n\nThird page"
    assert await text_of(features, "a.pdf", pdf("")) == "[No text was found in this PDF.]"


async def test_long_texts_are_cut(features: Features) -> None:
    text = await text_of(features, "a.txt", b"x" * 3_000_000)
    assert text == "x" * MAX_CHARACTERS + "\n[The rest of the file is left out.]"
    pages = [f"{number} " + "y" * 2000 for number in range(120)]
    text = await text_of(features, "a.pdf", pdf(*pages))
    assert text.endswith("[Not all of the PDF was read: it is too long.]")
    assert MAX_CHARACTERS <= len(text) < MAX_CHARACTERS + 1000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
async def test_no_character_is_harmed_where_a_long_text_is_cut(features: Features, encoding: str) -> None:
    for beginning in ("", "x", "xx", "xxx"):
        text = await text_of(features, "a.txt", f"{beginning}{'😀' * 250_000}".encode(encoding))
        kept = beginning + "😀" * (MAX_CHARACTERS - len(beginning))
        assert text == kept + "\n[The rest of the file is left out.]"


async def test_of_a_long_text_only_the_beginning_is_read(features: Features) -> None:
    read = 0

    class Counting(FileStore):
        async def read(self, file_id: str) -> AsyncGenerator[bytes, None]:
            nonlocal read
            async with aclosing(super().read(file_id)) as parts:
                async for part in parts:
                    read += len(part)
                    yield part

    file = await upload(features, "a.txt", b"x" * 5_000_000)
    stored = await features.file_parts.store.find(1, file.id)
    assert stored is not None
    text = await TextReader(Counting(features.database, features.clock)).text(stored)
    assert text.startswith("x" * MAX_CHARACTERS + "\n[")
    assert 4 * MAX_CHARACTERS <= read < 6 * MAX_CHARACTERS


async def test_several_files_and_one_that_is_gone(features: Features, service: FileService) -> None:
    first, second = await upload(features, "a.txt", b"A"), await upload(features, "b.txt", b"B")
    await service.delete(OWNER, first.id)
    assert await service.texts(1, [second.id, first.id]) == [
        ("b.txt", "B"),
        (first.id, "[The file does not exist any more.]"),
    ]
    assert await service.texts(2, [second.id]) == [(second.id, "[The file does not exist any more.]")]


async def test_a_text_is_read_once(features: Features, service: FileService) -> None:
    file = await upload(features, "a.pdf", pdf("Once"))
    reads = 0

    class Counting(TextReader):
        async def text(self, file: File) -> str:
            nonlocal reads
            reads += 1
            return await super().text(file)

    again = FileService(features.file_parts.store, Counting(features.file_parts.store), features.clock, service.quota)
    for _ in range(3):
        assert await again.texts(1, [file.id]) == [("a.pdf", "Once")]
    assert reads == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"%PDF-1.7 nothing else", "it is damaged"),
        (pdf("Secret", password="x"), "it needs a password"),
        (b"%PDF-1.4\n" + b"[" * 200_000, "it is damaged"),
        (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]>>endobj trailer<</Root 1 0 R>>", ""),
        (random.Random(1).randbytes(64).join([b"%PDF-1.4\n", b"trailer<</Root 1 0 R>>"]), "it is damaged"),
    ],
    ids=["no file", "locked", "deep", "circular", "noise"],
)
async def test_a_broken_pdf_says_so(features: Features, content: bytes, problem: str) -> None:
    text = await text_of(features, "a.pdf", content)
    assert text.startswith("[No text was found in this PDF")
    assert problem in text


@pytest.mark.parametrize("layers", [1, 2])
async def test_a_bomb_takes_no_more_than_it_may(features: Features, layers: int) -> None:
    content = bomb(layers=layers)
    assert len(content) < 2 * 1024 * 1024
    before, began = psutil.Process().memory_info().rss, time.monotonic()
    text = await text_of(features, "a.pdf", content)
    assert text.startswith("[No text was found in this PDF")
    assert time.monotonic() - began < 40
    assert psutil.Process().memory_info().rss - before < 200 * 1024 * 1024


async def test_a_pdf_that_takes_forever_is_given_up_with_what_came(features: Features) -> None:
    endless = b"BT /F1 12 Tf " + b"1 0 0 1 0 0 Tm (word) Tj " * 380_000 + b"ET"
    first = b"BT /F1 12 Tf 72 720 Td (First) Tj ET"
    file = await upload(features, "a.pdf", pdf_of(first, endless))
    stored = await features.file_parts.store.find(1, file.id)
    assert stored is not None
    began = time.monotonic()
    text = await TextReader(features.file_parts.store, seconds=3).text(stored)
    assert time.monotonic() - began < 30
    assert text == "First\n[Not all of the PDF was read: it takes too long to read.]"
    assert not psutil.Process().children(recursive=True) or all(
        "pdf_program" not in " ".join(child.cmdline()) for child in psutil.Process().children()
    )
