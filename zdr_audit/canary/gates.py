"""Cheap looks at large data that say where a dearer search is worth while: never less than where it would find something.

Bytes are looked at eight at a time, as numbers of 64 bits. What is small is always searched whole.
"""

from __future__ import annotations

import threading
from functools import cache

import numpy as np
import numpy.typing as npt

SMALL = 32 * 1024
"""Bytes up to which no gate is asked."""
TEXT_RUN = 23
"""Bytes of ASCII in a row that `texts` never overlooks."""
_FEW = 4096  # bytes in which letters are looked for one by one
_AROUND = 512
_PART = 4  # where what remains is more than this part of the data, all of it does

_HIGH = np.uint64(0x8080808080808080)
_TO_HIGH = np.uint64(0x5050505050505050)  # added to a byte of ASCII it sets the highest bit from the digit 0 on

Range = tuple[int, int]
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]


class _Scratch(threading.local):
    """Room to compute in, for each thread: fresh memory for every look would cost more than the look. And the last answer of `texts`."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.uint8)
        self.data: bytes | None = None
        self.found: list[Range] = []

    def bytes(self, size: int) -> Bytes:
        """Room for so many bytes, until the next call."""
        if self._room.size < size:
            self._room = np.empty(size + size // 4 + 64, np.uint8)
        return self._room[:size]

    def words(self, count: int) -> Words:
        """The same for numbers of 64 bits."""
        return self.bytes(8 * count).view(np.uint64)


_scratch = _Scratch()


def changes(data: bytes, mask: int) -> memoryview | bytes:
    """What each byte differs in from the next, under a mask. Valid until the next call on this thread."""
    if len(data) <= _FEW:
        number = int.from_bytes(data)
        return (number ^ number >> 8).to_bytes(len(data))[1:].translate(_masks(mask))
    array = np.frombuffer(data, np.uint8)
    out = _scratch.bytes(len(data) - 1)
    np.bitwise_xor(array[1:], array[:-1], out=out)
    np.bitwise_and(out, mask, out=out)
    return out.data


@cache
def _masks(mask: int) -> bytes:
    return bytes(code & mask for code in range(256))


def texts(data: bytes) -> list[Range]:
    """The ranges in which text stands: around every run of ASCII, or everything where there is much of it."""
    if _scratch.data is not data:  # several passes ask about the same data
        _scratch.found = _texts(data)
        _scratch.data = data
    return _scratch.found


def _texts(data: bytes) -> list[Range]:
    size = len(data)
    if size <= SMALL or data.isascii():
        return [(0, size)]
    numbers = np.frombuffer(data, np.uint64, size // 8)
    room = _scratch.words(len(numbers))
    np.bitwise_and(numbers, _HIGH, out=room)
    marks = room == 0
    if np.count_nonzero(marks) > len(marks) // _PART:
        return [(0, size)]
    return _joined(marks.tobytes(), b"\x01\x01", size, _AROUND)  # a run of 23 bytes holds two of these words whole


def tokens(data: bytes, least: int) -> list[Range]:
    """The ranges that hold every run of at least `least` characters from the digit 0 on in ASCII: letters, digits and some signs, no spaces."""
    size = len(data)
    words = (least - 7) // 8
    if size <= SMALL or words < 1:
        return [(0, size)]
    numbers = np.frombuffer(data, np.uint64, size // 8)
    room = _scratch.words(len(numbers))
    np.add(numbers, _TO_HIGH, out=room)
    np.bitwise_and(room, _HIGH, out=room)
    marks = (room == _HIGH).tobytes()
    return _joined(marks, b"\x01" * words, size, 16)


def letters(data: bytes, letter: int, follows: Bytes) -> list[int]:
    """Where a letter stands in either case, with a byte after it that `follows`, a table of truth values for the 256 bytes, allows."""
    if len(data) <= _FEW:
        return _few_letters(data, letter, follows)
    array = np.frombuffer(data, np.uint8)
    count = (len(data) - 1) // 8  # what follows the last letter looked at is there
    room = _scratch.bytes(8 * count)
    np.bitwise_or(array[: 8 * count], 0x20, out=room)
    np.equal(room, letter, out=room.view(np.bool_))
    words = np.flatnonzero(room.view(np.uint64) != 0)
    rows, columns = np.nonzero(room.reshape(-1, 8)[words])
    places = words[rows] * 8 + columns
    found: list[int] = places[follows[array[places + 1]] != 0].tolist()
    rest = 8 * count
    return found + [rest + place for place in _few_letters(data[rest:], letter, follows)]


def _few_letters(data: bytes, letter: int, follows: Bytes) -> list[int]:
    found: list[int] = []
    for code in {letter, letter & ~0x20}:
        place = data.find(code)
        while place >= 0:
            if place + 1 < len(data) and follows[data[place + 1]]:
                found.append(place)
            place = data.find(code, place + 1)
    return found


def _joined(marks: bytes, wanted: bytes, size: int, around: int) -> list[Range]:
    """The ranges of the data, `around` bytes wider, that belong to runs of marks of eight bytes; the end, which they do not cover, is one too."""
    found: list[Range] = []
    at = marks.find(wanted)
    while at >= 0:
        end = marks.find(0, at)
        end = len(marks) if end < 0 else end
        low, high = max(0, 8 * at - around), min(size, 8 * end + around)
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
        at = marks.find(wanted, end)
    low = max(0, size - 2 * around - 8)
    if found and low <= found[-1][1]:
        found[-1] = (found[-1][0], size)
    else:
        found.append((low, size))
    return found
