"""How each kind of evidence source that lies on disk is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from zdr_audit.canary.seeker import Seeker

from .files import read_files
from .model import Reading
from .sqlite import read_sqlite


class Reader(Protocol):
    """Reads one source once, read-only. `progress` is told the bytes read since its last call."""

    def __call__(self, source_id: str, path: Path, seeker: Seeker, progress: Callable[[int], None] | None = None, /) -> Reading: ...


READERS: dict[str, Reader] = {"files": read_files, "sqlite": read_sqlite}
