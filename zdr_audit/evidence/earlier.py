"""What an earlier reading of the same run gave, for sources whose bytes have not changed since: they need not be searched again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from .files import CHUNK
from .model import Reading

Known = tuple[int, ...]


class Earlier:
    """The last outcome of each source, by a digest of the bytes that were searched.

    It stands only as long as nothing more is known to look for: `known` counts the canaries and the digests by now. The same bytes searched for the same
    things give the same outcome, so the outcome of a source is taken from here only where all its bytes were read afresh and are those of before.
    """

    def __init__(self, known: Callable[[], Known]) -> None:
        self._known = known
        self._last: dict[str, tuple[tuple[bytes, Known], Reading]] = {}

    def of(self, source: str, digest: bytes) -> Reading | None:
        """The outcome of the same bytes; None where they are others, or were searched for less."""
        searched, reading = self._last.get(source, (None, None))
        return reading if searched == (digest, self._known()) else None

    def keep(self, source: str, digest: bytes, reading: Reading) -> None:
        self._last[source] = ((digest, self._known()), reading)


def digest_of(files: Mapping[str, Path | None]) -> bytes:
    """A digest of files by name: which of them exist (the others are None), their sizes and contents. Raises OSError."""
    made = hashlib.blake2b()
    for name, path in files.items():
        size = None if path is None else path.stat().st_size
        made.update(f"{len(name)}:{name}:{size}:".encode("utf-8", "surrogateescape"))
        if path is None:
            continue
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                made.update(chunk)
    return made.digest()
