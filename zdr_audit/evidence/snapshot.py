"""Private copies of evidence that must not be opened in place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .files import CHUNK, open_evidence

_ATTEMPTS = 5
_State = tuple[int, int, int] | None


@contextmanager
def private_copies(paths: list[Path]) -> Iterator[tuple[dict[Path, Path], bool]]:
    """Copy those of the files that exist into one folder that only this user can read, and that is removed afterwards, whatever happens.

    Yields the copies by original, and whether they belong together: false when the files changed during each of five attempts. Copies keep
    their names. Raises OSError when a file exists and cannot be read, or when there is no room.
    """
    with tempfile.TemporaryDirectory(prefix="zdr-audit-") as folder:
        copies: dict[Path, Path] = {}
        steady = False
        for _ in range(_ATTEMPTS):
            before = {path: _state(path) for path in paths}
            copies = {path: _copy(path, Path(folder) / path.name) for path, state in before.items() if state is not None}
            if before == {path: _state(path) for path in paths}:
                steady = True
                break
        yield {path: copy for path, copy in copies.items() if copy.exists()}, steady


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _copy(path: Path, copy: Path) -> Path:
    copy.unlink(missing_ok=True)
    try:
        descriptor = open_evidence(path)
    except FileNotFoundError:  # a log may vanish with its last connection: the states then differ
        return copy
    try:
        with copy.open("xb") as out:
            while chunk := os.read(descriptor, CHUNK):
                out.write(chunk)
    finally:
        os.close(descriptor)
    return copy
