"""A time by which an answer must have come whole: head, body and trailers. The time-out of a socket starts anew with every byte that trickles in."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.poolmanager import PoolManager

_DEADLINE: ContextVar[float | None] = ContextVar("_DEADLINE", default=None)


@contextmanager
def answered_by(deadline: float) -> Iterator[None]:
    """Answers that begin to be read in this context, over the adapters of `Punctual`, must be read whole by `deadline` (monotonic clock): a read that goes
    beyond raises TimeoutError, also after the context."""
    before = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(before)


def reader(connection: socket.socket, deadline: float) -> io.BufferedReader:
    """The file of a connection, of which every read ends by `deadline`, with TimeoutError where nothing came."""
    return io.BufferedReader(_Until(connection, deadline))


class _Until(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self._bytes = connection.makefile("rb", buffering=0)  # counts as a user of the connection, which stays open as long

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._bytes.close()
        super().close()


class _Connection:
    """What `http.client` needs of a connection to read an answer from it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def makefile(self, *_args: object, **_more: object) -> io.BufferedReader:
        return reader(self._connection, self._deadline)


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        deadline = _DEADLINE.get()
        file: Any = sock if deadline is None else _Connection(sock, deadline)
        super().__init__(file, *args, **more)


class _Plain(HTTPConnection):
    response_class = _Answer


class _Secured(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(HTTPSConnectionPool):
    ConnectionCls = _Secured


_POOLS = {"http": _PlainPool, "https": _SecuredPool}


class Punctual(HTTPAdapter):
    """Sends a request once, and holds its answer to the deadline of `answered_by`."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **more: Any) -> PoolManager:
        found: PoolManager = super().proxy_manager_for(*args, **more)
        found.pool_classes_by_scheme = _POOLS
        return found
