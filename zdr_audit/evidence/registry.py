"""How each kind of evidence source is read: those that lie on disk, and those that a server holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from zdr_audit.canary.seeker import Seeker
from zdr_audit.extension import extensions

from .files import read_files
from .gcs import read_gcs
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


class MoreReader(Protocol):
    """What a package adds by the entry point group `zdr_audit.evidence`. It must not change the source, must name in the reading what it could not
    examine, and may raise: that is a reading with an error."""

    def __call__(
        self, source_id: str, options: Mapping[str, str], seeker: Seeker, progress: Callable[[int], None] | None = None, /
    ) -> Reading: ...


def more_readers() -> dict[str, MoreReader]:
    """Raises ExtensionError."""
    return extensions("zdr_audit.evidence")


class MoreSize(Protocol):
    """What a package adds by the entry point group `zdr_audit.evidence_sizes`, under the name of its reader: the bytes that the source takes, measured
    cheaply and often. The growth bound rests on it; a source without it cannot be measured. May raise."""

    def __call__(self, options: Mapping[str, str], /) -> int: ...


def more_sizes() -> dict[str, MoreSize]:
    """Raises ExtensionError."""
    return extensions("zdr_audit.evidence_sizes")


READERS: dict[str, Reader] = {"files": read_files, "sqlite": read_sqlite}
SERVER_READERS: dict[str, ServerReader] = {"postgres": read_postgres, "redis": read_redis, "s3": read_s3, "gcs": read_gcs}
