"""Loopback servers that answer as they are told, byte for byte, and remember what reached them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Write = Callable[[bytes], None]
Script = Callable[[bytes, Write], None]


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """A whole HTTP/1.1 answer that closes the connection."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


class Server:
    """Serves each connection in a thread: reads one request, then lets the script write. `requests` are the raw requests that came."""

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self.closed_by_client = threading.Event()
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def first_line(self) -> str:
        return self.requests[-1].split(b"\r\n", 1)[0].decode("latin-1")

    def headers(self, number: int = -1) -> dict[str, str]:
        """The headers of a request that came, names in lower case."""
        head = self.requests[number].split(b"\r\n\r\n", 1)[0].decode("latin-1")
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            self.requests.append(self._read(connection))
            try:
                self._script(self.requests[-1], connection.sendall)
            except OSError:
                self.closed_by_client.set()

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += _some(connection)
        head, body = data.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += _some(connection)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._stopped.set()
        self._listener.close()


def _some(connection: socket.socket) -> bytes:
    """What comes next. Raises OSError where the client is gone: asking again would spin for ever."""
    if data := connection.recv(65536):
        return data
    raise ConnectionError("the client went away")


@contextmanager
def serving(script: Script | bytes) -> Iterator[Server]:
    """A server for the block; a script of bytes is written as it is."""
    server = Server(script if callable(script) else lambda _, write: write(script))
    try:
        yield server
    finally:
        server.close()


def trickle(head: bytes, piece: bytes, pause: float = 0.02, seconds: float = 8) -> Script:
    """Writes the head, then a piece again and again with a pause before each, for that many seconds or until the client goes away."""

    def script(_: bytes, write: Write) -> None:
        write(head)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(pause)
            write(piece)

    return script


def closed_port() -> str:
    """The base URL of a loopback port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
