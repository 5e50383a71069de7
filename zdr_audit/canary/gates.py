"""Cheap looks at large data that say where a dearer search is worth while: never less than where it would find something.

Bytes are looked at eight at a time, as numbers of 64 bits. What is small is always searched whole.
"""

from __future__ import annotations

import threading

import numpy as np

SMALL = 32 * 1024
"""Bytes up to which no gate is asked."""
TEXT_RUN = 40
"""Bytes of ASCII in a row that `texts` never overlooks."""
_AROUND = 512
_PART = 4  # where what remains is more than this part of the data, all of it does

_HIGH = np.uint64(0x8080808080808080)
_TO_HIGH = np.uint64(0x5050505050505050)  # added to a byte of ASCII it sets the highest bit from the digit 0 on

Range = tuple[int, int]
_last = threading.local()


def texts(data: bytes) -> list[Range]:
    """The ranges in which text stands: around every run of ASCII, or everything where there is much of it."""
    if getattr(_last, "data", None) is not data:  # several passes ask about the same data
        _last.found = _texts(data)
        _last.data = data
    found: list[Range] = _last.found
    return found


def _texts(data: bytes) -> list[Range]:
    size = len(data)
    if size <= SMALL or data.isascii():
        return [(0, size)]
    every_other = np.frombuffer(data, np.uint64, size // 16 * 2)[::2]
    marks = ((every_other & _HIGH) == 0).tobytes()
    # A run of 40 bytes holds two of the words looked at whole.
    return _joined(marks, b"\x01\x01", 16, size, _AROUND, whole_from=len(marks) // _PART)


def tokens(data: bytes, least: int) -> list[Range]:
    """The ranges that hold every run of at least `least` characters from the digit 0 on in ASCII: letters, digits and some signs, no spaces."""
    size = len(data)
    words = (least - 7) // 8
    if size <= SMALL or words < 1:
        return [(0, size)]
    numbers = np.frombuffer(data, np.uint64, size // 8)
    marks = (((numbers + _TO_HIGH) & _HIGH) == _HIGH).tobytes()
    return _joined(marks, b"\x01" * words, 8, size, 16, whole_from=len(marks))


def letters(data: bytes, letter: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Where a letter stands in either case, or the sign that differs from it by that bit alone."""
    size = len(data)
    padded = data + bytes(-size % 8) if size % 8 else data
    marks = (np.frombuffer(padded, np.uint8) | 0x20) == letter
    words = np.flatnonzero(marks.view(np.uint64) != 0)
    rows, columns = np.nonzero(marks.reshape(-1, 8)[words])
    found: np.ndarray[tuple[int], np.dtype[np.intp]] = words[rows] * 8 + columns
    return found


def _joined(marks: bytes, wanted: bytes, step: int, size: int, around: int, whole_from: int) -> list[Range]:
    """The ranges of the data, `around` bytes wider, that belong to runs of marks; what the marks do not cover at the end belongs to them."""
    if marks.count(1) >= whole_from:
        return [(0, size)]
    found: list[Range] = []
    at = marks.find(wanted)
    while at >= 0:
        end = marks.find(0, at)
        end = len(marks) if end < 0 else end
        low, high = max(0, at * step - around), min(size, end * step + around)
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
        at = marks.find(wanted, end)
    low = max(0, size - 2 * around - step)
    if found and low <= found[-1][1]:
        found[-1] = (found[-1][0], size)
    else:
        found.append((low, size))
    return found
