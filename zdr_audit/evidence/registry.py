"""How each kind of evidence source is read: those that lie on disk, and those that a server holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from zdr_audit.canary.seeker import Seeker

from .files import read_files
from .model import Reading
from .postgres import read_postgres
from .redis_store import read_redis
from .s3 import read_s3
from .server import ServerPlace
from .sqlite import read_sqlite


class Reader(Protocol):
    """Reads one source once, read-only. `progress` is told the bytes read since its last call."""

    def __call__(self, source_id: str, path: Path, seeker: Seeker, progress: Callable[[int], None] | None = None, /) -> Reading: ...


class ServerReader(Protocol):
    """Reads what one server holds, without changing it. `progress` is told the bytes read since its last call."""

    def __call__(self, source_id: str, place: ServerPlace, seeker: Seeker, progress: Callable[[int], None] | None = None, /) -> Reading: ...


READERS: dict[str, Reader] = {"files": read_files, "sqlite": read_sqlite}
SERVER_READERS: dict[str, ServerReader] = {"postgres": read_postgres, "redis": read_redis, "s3": read_s3}
