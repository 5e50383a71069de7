"""Digests of what was sent and answered: which algorithms, and the book in which a digest met in a store is looked up.

The book keeps eight bytes a digest, of which five are keyed, so that a journal that holds them holds no digest of a prompt.
A digest that was cut to eight bytes or more is still known; the cost of a look-up does not depend on how many there are.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

Algorithm = Callable[[bytes], bytes]


def _standard(name: str) -> Algorithm:
    make = getattr(hashlib, name, None) or partial(hashlib.new, name)  # the named constructors are twice as fast on short texts
    return lambda data: make(data, usedforsecurity=False).digest()


def _named(version: int, space: uuid.UUID) -> Algorithm:
    """The UUID that names a text within a name space."""
    make = _standard({3: "md5", 5: "sha1"}[version])
    return lambda data: uuid.UUID(bytes=make(space.bytes + data)[:16], version=version).bytes


# The common ones first: of texts that a backend would digest less often, these alone are kept.
ALGORITHMS: dict[str, Algorithm] = {
    **{name: _standard(name) for name in ("md5", "sha1", "sha256", "sha512")},
    "blake2b-256": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    "blake3": lambda data: blake3(data).digest(),
    **{name: _standard(name) for name in ("sha224", "sha384", "sha512_256", "sha3_224", "sha3_256", "sha3_384", "sha3_512")},
    "blake2b-128": lambda data: hashlib.blake2b(data, digest_size=16).digest(),
    "blake2b-160": lambda data: hashlib.blake2b(data, digest_size=20).digest(),
    "blake2b": lambda data: hashlib.blake2b(data).digest(),
    "blake2s": lambda data: hashlib.blake2s(data).digest(),
    "uuid5-url": _named(5, uuid.NAMESPACE_URL),
    "uuid5-dns": _named(5, uuid.NAMESPACE_DNS),
    "uuid5-oid": _named(5, uuid.NAMESPACE_OID),
    "uuid3-url": _named(3, uuid.NAMESPACE_URL),
    "uuid3-dns": _named(3, uuid.NAMESPACE_DNS),
    "blake2b-64": lambda data: hashlib.blake2b(data, digest_size=8).digest(),  # last: journals hold marks in this order
}
_NAMES = tuple(ALGORITHMS)
COMMON = _NAMES[:4]
SIZES = frozenset((16, 20, 24, 28, 32, 48, 64))
"""Lengths of digests in bytes; 24 is a common length to cut one to."""

FIRST = 8
"""Bytes of a digest by which it is known."""
_CLEAR, _KEYED = 3, 5
MARK = _CLEAR + _KEYED
_UNSETTLED = 20_000


@dataclass(frozen=True)
class Entry:
    """The digests of one text: what the text is, whose canary it carries, and the marks of its digests, `MARK` bytes each in the order of
    `ALGORITHMS`, of all of them or of the first few."""

    canary: str
    what: str
    marks: bytes


@dataclass(frozen=True)
class Known:
    """A digest that was recognised."""

    canary: str
    what: str
    algorithm: str


def _has(bits: bytearray, three: bytes) -> bool:
    place = int.from_bytes(three)
    return bits[place >> 3] >> (place & 7) & 1 == 1


def _set(bits: bytearray, three: bytes) -> None:
    place = int.from_bytes(three)
    bits[place >> 3] |= 1 << (place & 7)


class DigestBook:
    """Digests by their marks. Safe for several threads."""

    def __init__(self, key: bytes) -> None:
        self._key = key[: hashlib.blake2b.MAX_KEY_SIZE]
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._fresh: dict[bytes, tuple[int, int]] = {}
        self._clear, self._keyed = (
            bytearray(1 << 24 >> 3),
            bytearray(1 << 24 >> 3),
        )  # a bit for each three bytes of a mark that occur: its first, its last
        self._marks = np.empty(0, np.uint64)
        self._places = np.empty((0, 2), np.uint32)

    def __len__(self) -> int:
        """How many texts' digests are known."""
        return len(self._entries)

    def mark(self, first: bytes) -> bytes:
        """What is kept of a digest that begins with these eight bytes."""
        return first[:_CLEAR] + hashlib.blake2b(first, key=self._key, digest_size=_KEYED).digest()

    def entry(self, canary: str, what: str, text: bytes, algorithms: Iterable[str] = ALGORITHMS) -> Entry:
        """The entry for a text, to be kept and added."""
        return Entry(canary, what, b"".join(self.mark(ALGORITHMS[name](text)[:FIRST]) for name in algorithms))

    def add(self, entry: Entry) -> None:
        """Know these digests from now on. Of two texts that are the same, the first keeps the name."""
        with self._lock:
            number = len(self._entries)
            self._entries.append(entry)
            for at in range(0, len(entry.marks) // MARK * MARK, MARK):
                mark = entry.marks[at : at + MARK]
                if not _has(self._clear, mark[:_CLEAR]) or self._find(mark) is None:
                    self._fresh[mark] = (number, at // MARK)
                    _set(self._clear, mark[:_CLEAR])
                    _set(self._keyed, mark[-_CLEAR:])
            if len(self._fresh) >= _UNSETTLED:
                self._settle()

    def look_up(self, digest: bytes) -> Known | None:
        """The text whose digest begins like this; at least eight bytes are needed."""
        if len(digest) < FIRST or not _has(self._clear, digest[:_CLEAR]):
            return None
        mark = self.mark(digest[:FIRST])
        if not _has(self._keyed, mark[-_CLEAR:]):
            return None
        with self._lock:
            found = self._find(mark)
            if found is None:
                return None
            entry = self._entries[found[0]]
        return Known(entry.canary, entry.what, _NAMES[found[1]])

    def perhaps(self, clear: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """For many digests at once, given as their first three bytes (a number, big-endian): whether a look-up is worth it."""
        table = np.frombuffer(self._clear, np.uint8)
        found: NDArray[np.bool_] = (table[clear >> 3] >> (clear & 7).astype(np.uint8) & 1).astype(np.bool_)
        return found

    def _find(self, mark: bytes) -> tuple[int, int] | None:
        known = self._fresh.get(mark)
        if known is not None:
            return known
        wanted = np.uint64(int.from_bytes(mark, "little"))
        at = int(np.searchsorted(self._marks, wanted))
        if at < len(self._marks) and self._marks[at] == wanted:
            return int(self._places[at, 0]), int(self._places[at, 1])
        return None

    def _settle(self) -> None:
        """Move the fresh ones into sorted arrays, which take a tenth of the room."""
        marks = np.concatenate([self._marks, np.frombuffer(b"".join(self._fresh), "<u8")])
        places = np.concatenate([self._places, np.array(list(self._fresh.values()), np.uint32)])
        order = np.argsort(marks, kind="stable")
        self._marks, self._places = marks[order], places[order]
        self._fresh = {}
