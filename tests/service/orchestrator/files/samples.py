"""Files to send, and hands to send them with."""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import AsyncIterator, Sequence

from piecework.orchestrator.v1 import files_pb2 as pb
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from kit.caller import Caller
from kit.status import result_of
from tests.service.orchestrator.features import OWNER, Features

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def parts(filename: str, chunks: Sequence[bytes], **fields: str) -> AsyncIterator[pb.UploadFileRequest]:
    yield pb.UploadFileRequest(file=pb.NewFile(filename=filename, **fields))
    for chunk in chunks:
        yield pb.UploadFileRequest(chunk=chunk)


async def upload(
    features: Features, filename: str, content: bytes, caller: Caller = OWNER, size: int = 100_000, **fields: str
) -> pb.File:
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    answer: pb.File = (
        await result_of(features.files.UploadFile(parts(filename, chunks, **fields), **features.metadata(caller)))
    ).file
    return answer


async def download(features: Features, file_id: str, caller: Caller = OWNER) -> tuple[pb.File, bytes]:
    request = pb.DownloadFileRequest(file_id=file_id)
    file, content = pb.File(), b""
    async for part in features.files.DownloadFile(request, **features.metadata(caller)):
        if part.WhichOneof("part") == "file":
            file = part.file
        else:
            content += part.chunk
    return file, content


async def nothing_is_left(features: Features) -> bool:
    """Tell whether there are no documents of uploads."""
    return not await left_behind(features)


async def left_behind(features: Features) -> dict[str, int]:
    """Return how many documents of uploads there are, by collection."""
    names = ("uploads.files", "uploads.chunks", "uploads_open")
    counts = await asyncio.gather(*(features.database[name].count_documents({}) for name in names))
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def pdf(*pages: str, password: str = "") -> bytes:
    """Return a PDF with these texts on its pages."""
    return pdf_of(*(f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET".encode() for page in pages), password=password)


def pdf_of(*streams: bytes, password: str = "") -> bytes:
    """Return a PDF with these instructions on its pages."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for stream in streams:
        page = writer.add_blank_page(width=612, height=792)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        content = DecodedStreamObject()
        content.set_data(stream)
        page[NameObject("/Contents")] = writer._add_object(content)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def bomb(size: int = 1024 * 1024 * 1024, layers: int = 1) -> bytes:
    """Return a small PDF whose page is very large when it is unpacked."""
    packer = zlib.compressobj(9)
    block = bytes(1024 * 1024)
    packed = b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()
    for _ in range(layers - 1):
        packed = zlib.compress(packed, 9)
    filters = " ".join(["/FlateDecode"] * layers)
    head = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj\n"
    )
    stream = f"4 0 obj<</Length {len(packed)}/Filter[{filters}]>>stream\n".encode() + packed
    return head + stream + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
