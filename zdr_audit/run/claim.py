"""One run at a time writes into a report folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from zdr_audit.journal.store import JournalError

try:
    import fcntl
except ImportError:  # not on Windows, where nothing keeps two runs out of one folder
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The folder is this run's while the context is open; the claim ends with the process, however that ends, and leaves no file. Makes the folder.
    Raises JournalError where another run has it."""
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(f"{folder}: another run is writing there; wait for its end, or name another --report-dir") from None
        yield
    finally:
        os.close(held)
