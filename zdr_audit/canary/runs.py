"""Runs of hex digits and of letters of base64 in large data: where those of a certain length begin and end.

Bytes are looked at eight at a time, as numbers of 64 bits. Every run of fifteen bytes covers one such word whole; few words of other data are of
one class and go on, to either side, as far as the rest of a run would.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]
Words = npt.NDArray[np.uint64]
Truths = npt.NDArray[np.bool_]

_WORD = 8
_HEX = b"0123456789abcdefABCDEF"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_ALL = np.uint64(int.from_bytes(bytes([1]) * _WORD))

_HIGH = np.uint64(0x8080808080808080)
_TO_HIGH = np.uint64(0x5555555555555555)  # added to a byte of ASCII it sets the highest bit from the plus sign on
_FOURTH, _TWO = np.uint64(0x1010101010101010), np.uint64(2)


def _class(alphabet: bytes) -> bytes:
    """A table that gives one for what is of the alphabet, zero for all else."""
    return bytes(code in alphabet for code in range(256))


def _marks(count: int) -> tuple[np.uint64, np.uint64]:
    """The highest bits of so many bytes at the beginning of a word, and at its end."""
    every = bytes([0x80]) * count
    return np.uint64(int.from_bytes(every.ljust(_WORD, b"\x00"), "little")), np.uint64(
        int.from_bytes(every.rjust(_WORD, b"\x00"), "little")
    )


_FIRST_FOUR, _LAST_FOUR = _marks(4)
_FIRST_SEVEN, _LAST_SEVEN = _marks(7)
# Of eight truths, the first in the highest bit: how many are true before the first that is not, and after the last that is not.
_LEADING = np.array([8 - (~code & 0xFF).bit_length() for code in range(256)], np.intp)
_TRAILING = np.array([(~code & -~code).bit_length() - 1 for code in range(256)], np.intp)
_IN_HEX, _IN_BASE64 = _class(_HEX), _class(_BASE64)
HEX_LEAST, BASE64_LEAST = 16, 22
"""Bytes of the shortest runs that are found: of a word whole, and at least half the rest on one side of it."""


class _Room(threading.local):
    """Room to compute in, for each thread."""

    def __init__(self) -> None:
        self._words = np.empty(0, np.uint64)

    def words(self, count: int) -> Words:
        if len(self._words) < 2 * count:
            self._words = np.empty(2 * count + count // 2, np.uint64)
        return self._words

    def two(self, count: int) -> tuple[Words, Words]:
        """Room for so many numbers, twice, until the next call."""
        words = self.words(count)
        return words[:count], words[count : 2 * count]


_room = _Room()


@dataclass(frozen=True)
class Runs:
    """Where runs begin and end, in order."""

    starts: Places
    ends: Places


_NONE = Runs(np.empty(0, np.intp), np.empty(0, np.intp))


def find_runs(data: bytes, most: int) -> tuple[Runs, Runs]:
    """The runs of hex digits, from 16 on, and those of letters of base64, from 22 on; of at most so many bytes."""
    words = np.frombuffer(data, np.uint64, len(data) // _WORD)
    if not len(words):
        return _NONE, _NONE
    hexadecimal, base64 = _candidates(words)
    return _runs(data, words, hexadecimal, _IN_HEX, HEX_LEAST, most), _runs(data, words, base64, _IN_BASE64, BASE64_LEAST, most)


def _candidates(words: Words) -> tuple[Places, Places]:
    """Words that may be covered by a run of hex digits, and by one of base64: some others too."""
    marks, room = _room.two(len(words))
    np.add(words, _TO_HIGH, out=marks)
    np.bitwise_and(marks, _HIGH, out=marks)
    full = marks == _HIGH
    places = np.flatnonzero(full & _beside(marks, room, _FIRST_FOUR, _LAST_FOUR))
    if not len(places):
        return places, places
    chosen = words[places]
    hexadecimal = places[(chosen ^ chosen >> _TWO) & _FOURTH == _FOURTH]  # letters from p on, and most signs, are none
    after, before = marks[np.minimum(places + 1, len(words) - 1)], marks[np.maximum(places - 1, 0)]
    further = (after & _FIRST_SEVEN == _FIRST_SEVEN) | (before & _LAST_SEVEN == _LAST_SEVEN)  # the last word is before itself, and full
    return hexadecimal, places[further]


def _beside(marks: Words, room: Words, first: np.uint64, last: np.uint64) -> Truths:
    """Whether the next word begins, or the one before ends, with marks; the last word may be followed by anything."""
    found = np.ones(len(marks), np.bool_)
    np.bitwise_and(marks, first, out=room)
    np.equal(room[1:], first, out=found[:-1])
    np.bitwise_and(marks, last, out=room)
    found[1:] |= room[:-1] == last
    return found


def _runs(data: bytes, words: Words, places: Places, kind: bytes, least: int, most: int) -> Runs:
    """The runs of one class around the words that are of it."""
    full = places[np.frombuffer(words[places].tobytes().translate(kind), np.uint64) == _ALL]
    if not len(full):
        return _NONE
    breaks = np.flatnonzero(np.diff(full) != 1)
    first = full[np.concatenate(([0], breaks + 1))]
    last = full[np.concatenate((breaks, [len(full) - 1]))] + 1
    short = (last - first) * _WORD <= most
    first, last = first[short], last[short]
    starts, ends = first * _WORD, last * _WORD
    starts -= np.where(first > 0, _TRAILING[_truths(words, first - 1, kind)], 0)
    ends += np.where(last < len(words), _LEADING[_truths(words, last, kind)], 0)
    rest = data[len(words) * _WORD :]
    if rest and len(last) and last[-1] == len(words):
        ends[-1] += _LEADING[np.packbits(np.frombuffer(rest.translate(kind), np.uint8))].item()
    fitting = (ends - starts >= least) & (ends - starts <= most)
    return Runs(starts[fitting], ends[fitting])


def _truths(words: Words, places: Places, kind: bytes) -> npt.NDArray[np.uint8]:
    """Of each of these words, which of its bytes are of the class: the first in the highest bit. Those beyond either end are told of another."""
    chosen = words[np.minimum(np.maximum(places, 0), len(words) - 1)].tobytes().translate(kind)
    return np.packbits(np.frombuffer(chosen, np.uint8))
