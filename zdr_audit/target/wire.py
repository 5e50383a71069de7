"""A request written on the connection as it is: what an HTTP library would tidy up (doubled headers, HTTP/1.0, pipelining) goes out untouched."""

from __future__ import annotations

import http.client
import io
import json
import select
import socket
import ssl
import time
import zlib
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from zdr_audit.target.deadline import reader
from zdr_audit.target.security import OPEN, Security

Lines = tuple[tuple[str, str], ...]


UNFINISHED = "the client went away before the end of its body"
MISSING_BYTES = 64
"""Of a body that stays unfinished."""
REFUSAL_SECONDS = 1.0
"""How long an answer to what was announced, and does not come, is waited for."""
LINGER_SECONDS = 0.25
"""How long a client stays that does not send its body to the end: servers throw away what they have not read when it goes."""


@dataclass(frozen=True)
class Plain:
    """A request without a body, sent on the connection before the real one."""

    method: str
    path: str
    lines: Lines


@dataclass(frozen=True)
class Wire:
    """How a request is written: `lines` come after its own headers, `before` goes first on the same connection, `pipelined` without waiting.
    `unfinished` announces more than is sent, and goes away. `announced` bytes more are told of, of which none come: an answer is waited for
    a moment longer."""

    version: str = "1.1"
    lines: Lines = ()
    chunked: bool = False
    before: Plain | None = None
    pipelined: bool = False
    unfinished: bool = False
    announced: int = 0


@dataclass(frozen=True)
class Raw:
    """What came back for the real request; `status` None where nothing did."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    error: str
    truncated: bool = False


class _Shared(io.BufferedIOBase):
    """Lets several answers be read from one connection: an answer that is done does not close it, nor takes bytes of the next."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.file = file

    def makefile(self, *_args: object, **_more: object) -> _Shared:
        return self

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self.file.read(-1 if size is None else size)

    def read1(self, size: int = -1, /) -> bytes:
        return self.file.read1(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.file.readline(-1 if size is None else size)

    def close(self) -> None:
        return None


def written(method: str, target: str, headers: dict[str, str], body: bytes | None, wire: Wire, host: str) -> bytes:
    """The bytes of a request. Line ends inside a value are taken out: a form must not become two requests by accident."""
    lines = [("host", host), *headers.items()]
    framed = body or b""
    if wire.chunked:
        lines.append(("transfer-encoding", "chunked"))
        framed = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in _pieces(framed)) + b"0\r\n\r\n"
    elif body is not None or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(("content-length", str(len(framed) + (wire.announced or MISSING_BYTES * wire.unfinished))))
    if not any(name.lower() == "connection" for name, _ in wire.lines):
        lines.append(("connection", "close"))
    head = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in (*lines, *wire.lines))
    return f"{method} {_one_line(target)} HTTP/{wire.version}\r\n{head}\r\n".encode("latin-1", "replace") + framed


def _pieces(body: bytes) -> list[bytes]:
    return [body[at : at + 7] for at in range(0, len(body), 7)] if len(body) < 2_000 else [body]


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")


def send(
    base_url: str,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes | None,
    wire: Wire,
    timeout: float,
    limit: int,
    security: Security = OPEN,
) -> Raw:
    """Send on a connection of its own. Never raises for what the network or the target does. At most `limit` bytes and `timeout` seconds. The path of the
    address goes before the target, where that is a path and no whole address."""
    if security.proxy is not None:
        return Raw(None, {}, b"", "not sent: a proxy would tidy up what must go out as it is")
    place = urlsplit(base_url)
    port = place.port or (443 if place.scheme == "https" else 80)
    deadline = time.monotonic() + timeout
    data = written(method, _below(place.path, target), headers, body, wire, place.netloc.rsplit("@", 1)[-1])
    first = b""
    if wire.before is not None:
        first = written(
            wire.before.method,
            _below(place.path, wire.before.path),
            dict(wire.before.lines),
            None,
            Wire(lines=(("connection", "keep-alive"),)),
            place.netloc.rsplit("@", 1)[-1],
        )
    try:
        with socket.create_connection((place.hostname or "", port), min(timeout, 10)) as plain:
            connection = _secured(plain, place.hostname or "", security) if place.scheme == "https" else plain
            connection.settimeout(timeout)
            shared = _Shared(reader(connection, deadline))
            if wire.before is not None:
                connection.sendall(first + (data if wire.pipelined else b""))
                earlier = _read(shared, wire.before.method, deadline, limit)
                if earlier.error:
                    return Raw(None, {}, b"", f"the request before it was not answered: {earlier.error}")
            if not wire.pipelined or wire.before is None:
                connection.sendall(data)
            if wire.announced and select.select([connection], [], [], min(timeout, REFUSAL_SECONDS))[0]:
                return _read(shared, method, deadline, limit)
            if wire.announced or wire.unfinished:
                select.select([connection], [], [], min(timeout, LINGER_SECONDS))  # until what was sent is read, or refused
                return Raw(None, {}, b"", UNFINISHED)
            return _read(shared, method, deadline, limit)
    except TimeoutError:
        return Raw(None, {}, b"", "timed out")
    except (OSError, ValueError) as exc:
        return Raw(None, {}, b"", type(exc).__name__)


def _below(base: str, target: str) -> str:
    return base + target if target.startswith("/") else target


def _secured(plain: socket.socket, host: str, security: Security) -> socket.socket:
    context = ssl.create_default_context(cafile=security.ca)
    if isinstance(security.certificate, str):
        context.load_cert_chain(security.certificate)
    elif security.certificate is not None:
        context.load_cert_chain(*security.certificate)
    return context.wrap_socket(plain, server_hostname=host)


def _read(shared: _Shared, method: str, deadline: float, limit: int) -> Raw:
    response = http.client.HTTPResponse(cast(socket.socket, shared), method=method)
    body = bytearray()
    try:
        response.begin()
        while piece := response.read1(65_536):
            body += piece
            if len(body) > limit:
                return Raw(response.status, _folded(response), bytes(body[:limit]), f"the answer is larger than {limit} bytes", True)
            if time.monotonic() > deadline:
                return Raw(response.status, _folded(response), bytes(body), "the answer took too long", True)
    except TimeoutError:
        if response.headers is None:
            raise
        return Raw(response.status, _folded(response), bytes(body), "the answer took too long", True)
    except http.client.HTTPException as exc:
        return Raw(
            None, {}, b"", "connection closed without an answer" if isinstance(exc, http.client.BadStatusLine) else type(exc).__name__
        )
    except ConnectionResetError:
        # Who answers, and closes while something of the request is not read, resets the connection (RFC 9112, 9.6): what came before is the answer.
        if response.headers is None:
            raise
        plain, _ = _plain(bytes(body), response.getheader("content-encoding", ""), limit)
        whole = response.length is None and not response.chunked and _is_json(plain)
        return Raw(response.status, _folded(response), plain, "" if whole else "connection reset", not whole)
    headers = _folded(response)
    plain, whole = _plain(bytes(body), headers.get("content-encoding", ""), limit)
    return Raw(response.status, headers, plain, "" if whole else f"the answer is larger than {limit} bytes", not whole)


def _plain(body: bytes, coding: str, limit: int) -> tuple[bytes, bool]:
    """The body without its content coding, at most `limit` bytes, and whether that is all: some targets compress whatever was asked for. As it is where
    that fails."""
    window = {"gzip": 31, "x-gzip": 31, "deflate": 15}.get(coding.strip().lower())
    if window is None:
        return body, True
    decoder = zlib.decompressobj(window)
    try:
        plain = decoder.decompress(body, limit)
    except zlib.error:
        return body, True
    return plain, not decoder.unconsumed_tail


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _folded(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}
