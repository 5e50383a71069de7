"""Cheap looks at large data that say where a dearer search is worth while: never less than where it would find something. (Whoever searches such
ranges takes a slice: of all the data it is the same object, not a copy.)

Bytes are looked at eight at a time, as numbers of 64 bits, and of these every other one: a run of 23 bytes holds one whole wherever it begins.
What is small is always searched whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

SMALL = 32 * 1024
"""Bytes up to which no gate is asked."""
TOKEN_RUN = 43
_STEP = 16
_FEW = 4096  # bytes in which letters are looked for one by one
_AROUND = 512
_PART = 4  # where what remains is more than this part of the data, all of it does

_HIGH = np.uint64(0x8080808080808080)
_TO_HIGH = np.uint64(0x5555555555555555)  # added to a byte of ASCII it sets the highest bit from the plus sign on

Range = tuple[int, int]
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]


class _Scratch(threading.local):
    """Room to compute in, for each thread: fresh memory for every look would cost more than the look. And the last answers of `halves`."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.uint8)
        self.data: bytes | None = None
        self.found: tuple[list[Range], list[Range]] = [], []
        self.token_data: bytes | None = None
        self.tokens: list[Range] = []

    def bytes(self, size: int) -> Bytes:
        """Room for so many bytes, until the next call."""
        if self._room.size < size:
            self._room = np.empty(size + size // 4 + 64, np.uint8)
        return self._room[:size]

    def words(self, count: int) -> Words:
        """The same for numbers of 64 bits."""
        return self.bytes(8 * count).view(np.uint64)


_scratch = _Scratch()


def changes(data: bytes) -> memoryview | bytes:
    """What each byte differs in from the next. Valid until the next call on this thread."""
    if len(data) <= _FEW:
        number = int.from_bytes(data)
        return (number ^ number >> 8).to_bytes(len(data))[1:]
    array = np.frombuffer(data, np.uint8)
    out = _scratch.bytes(len(data) - 1)
    np.bitwise_xor(array[1:], array[:-1], out=out)
    return out.data


def texts(data: bytes) -> list[Range]:
    """The ranges in which text stands: around every run of ASCII, or everything where there is much of it."""
    return _halves(data)[0]


def is_text(data: bytes) -> bool:
    """Whether text is looked for everywhere."""
    return texts(data) == [(0, len(data))]


def alike(data: bytes) -> list[Range]:
    """The same around every run of bytes that are all ASCII or all not: what text is under XOR with one byte."""
    return _halves(data)[1]


def _halves(data: bytes) -> tuple[list[Range], list[Range]]:
    if _scratch.data is not data:  # several passes ask about the same data
        _scratch.found = _find_halves(data)
        _scratch.data = data
    return _scratch.found


def _find_halves(data: bytes) -> tuple[list[Range], list[Range]]:
    size = len(data)
    if size <= SMALL or data.isascii():
        return [(0, size)], [(0, size)]
    words = np.frombuffer(data, np.uint64, size // 8)
    numbers = words[::2]
    room = _scratch.words(len(numbers))
    np.bitwise_and(numbers, _HIGH, out=room)
    low, high = (_in_company(words, 2 * np.flatnonzero(room == half), half) for half in (np.uint64(0), _HIGH))
    text = _around(low, size, _AROUND)
    return text, _around(np.sort(np.concatenate((low, high))), size, _AROUND) if len(high) else text


def _in_company(words: Words, places: Places, half: np.uint64) -> Places:
    """Those of the words one of whose neighbours is of the same half: of a run of 23 bytes at least eight stand on one side."""
    after = words[np.minimum(places + 1, len(words) - 1)] & _HIGH == half
    before = words[np.maximum(places - 1, 0)] & _HIGH == half
    found: Places = places[after | before]
    return found


def tokens(data: bytes) -> list[Range]:
    """The ranges that hold every run of 43 characters or more from the plus sign on in ASCII: letters, digits and some signs, no spaces."""
    if _scratch.token_data is not data:
        _scratch.tokens = [(low + start, low + end) for low, high in texts(data) for start, end in _find_tokens(data[low:high])]
        _scratch.token_data = data
    return _scratch.tokens


def _find_tokens(data: bytes) -> list[Range]:
    size = len(data)
    if size <= SMALL:
        return [(0, size)]
    words = np.frombuffer(data, np.uint64, size // 8)
    numbers = words[::2]
    room = _scratch.words(len(numbers))
    marks = _full(numbers, room)
    # Such a run holds two words of these, the one between them, and one of those beside them.
    places = 2 * np.flatnonzero(marks[1:] & marks[:-1]) + 1
    places = places[_full(words[places])]
    beside = _full(words[np.maximum(places - 2, 0)]) | _full(words[np.minimum(places + 2, len(words) - 1)])
    return _around(places[beside] - 1, size, TOKEN_RUN)


def _full(words: Words, room: Words | None = None) -> npt.NDArray[np.bool_]:
    """Which words hold characters from the plus sign on alone; what is no ASCII may carry over and be taken for it."""
    room = np.add(words, _TO_HIGH, out=room)
    np.bitwise_and(room, _HIGH, out=room)
    found: npt.NDArray[np.bool_] = room == _HIGH
    return found


def stretches(data: bytes, low: int, high: int, wanted: bytes, least: int) -> Iterator[Range]:
    """Where in this range at least so many bytes stand in a row that `wanted`, a table of 0 and 1 for the 256 bytes, has a 1 for."""
    classes = data[low:high].translate(wanted)
    enough = b"\x01" * least
    at = classes.find(enough)
    while at >= 0:
        end = classes.find(0, at)
        end = len(classes) if end < 0 else end
        yield low + at, low + end
        at = classes.find(enough, end)


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


def _around(words: Places, size: int, around: int) -> list[Range]:
    """The ranges around words given by their numbers, in order; everything where they make up much of it. The end, in which no word may lie
    whole, is one too."""
    if len(words) > size // _STEP // _PART:
        return [(0, size)]
    found: list[Range] = []
    low = high = 0
    for word in words.tolist():
        start = word * 8
        if start - around > high:
            if high:
                found.append((low, high))
            low = max(0, start - around)
        high = start + 2 * _STEP + around
    if high:
        found.append((low, min(high, size)))
    low = max(0, size - 2 * around - 2 * _STEP)
    if found and low <= found[-1][1]:
        found[-1] = (found[-1][0], size)
    else:
        found.append((low, size))
    return found
