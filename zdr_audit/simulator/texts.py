"""Finding the texts and the attachments of an inference request, in the order in which a model reads them."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

PDF_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
PDF_STRING = re.compile(rb"\(((?:[^()\\]|\\.)*)\)")
LARGEST_PAGE = 4_000_000


def _blocks(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        for block in content:
            yield block
            if block.get("type") == "tool_result":
                yield from _blocks(block.get("content"))


def blocks(request: BaseModel) -> Iterator[tuple[str, dict[str, Any]]]:
    """(role, content block) of system prompt and messages, in order; the blocks inside a tool result follow it."""
    body = request.model_dump(mode="python", exclude_unset=True)
    for block in _blocks(body.get("system")):
        yield "system", block
    for message in body.get("messages", ()):
        for block in _blocks(message.get("content")):
            yield message["role"], block


def texts(request: BaseModel) -> Iterator[tuple[str, str]]:
    """(role, text) of everything that a model would read as text, documents included."""
    for role, block in blocks(request):
        kind = block.get("type")
        if kind == "text":
            yield role, block["text"]
        elif kind == "document":
            source = block["source"]
            yield from ((role, block[key]) for key in ("title", "context") if isinstance(block.get(key), str))
            if source["type"] == "text":
                yield role, source["data"]
            elif source["type"] == "content":
                yield from ((role, inner["text"]) for inner in _blocks(source["content"]) if inner.get("type") == "text")
            elif source["type"] == "base64":
                yield role, pdf_text(base64.b64decode(source["data"]))
        elif kind == "search_result":
            yield from ((role, inner["text"]) for inner in block["content"])


def attachments(request: BaseModel) -> Iterator[bytes]:
    """The images and documents of a request as bytes, decoded."""
    for _role, block in blocks(request):
        if block.get("type") in {"image", "document"}:
            source = block["source"]
            if source["type"] == "base64":
                yield base64.b64decode(source["data"])
            elif source["type"] == "text":
                yield source["data"].encode()


def pdf_text(data: bytes) -> str:
    """The literal strings shown on the pages of a PDF (plain or Flate streams); enough for the simple documents of a test."""
    shown: list[str] = []
    for found in PDF_STREAM.finditer(data):
        page = found.group(1)
        try:
            page = zlib.decompressobj().decompress(page, LARGEST_PAGE)
        except zlib.error:
            page = page[:LARGEST_PAGE]
        for piece in PDF_STRING.finditer(page):
            shown.append(re.sub(r"\\(.)", r"\1", piece.group(1).decode("latin-1")))
    return "\n".join(shown)
