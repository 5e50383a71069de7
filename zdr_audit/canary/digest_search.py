"""Finding digests in bytes: whatever has the length and the look of one, in hex, base64 or as it is, is looked up in the book."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

import numpy as np

from .digests import FIRST, SIZES, DigestBook, Known
from .form import Needle
from .passes import Event, Pass

Places = np.ndarray[tuple[int], np.dtype[np.intp]]

_HEX = b"0123456789abcdefABCDEF"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_LENGTHS = frozenset(SIZES)
_CLASSES = bytes((code in _BASE64) + 2 * (code in _HEX) + 4 * (code in _LENGTHS) for code in range(256))
_IN_HEX = bytes(kind for kind in range(8) if kind & 2)
_IN_BASE64 = bytes(kind for kind in range(8) if kind & 1)
_WORD = 8
_SHORTEST_HEX, _LONGEST_HEX = 2 * FIRST, 2 * max(SIZES) + 2
# Characters without padding: of 16, 20, 24, 28, 32, 48 and 64 bytes.
_BASE64_LENGTHS = frozenset(-(-size * 8 // 6) for size in SIZES)
_SHORTEST_BASE64 = min(_BASE64_LENGTHS)
_BLOCK = 4096
# What may stand between a length and what it is the length of: nothing, the zeros of a wider length (little-endian), and BSON's kind after those.
_GAPS = (0, 3, 4)


def digest_pass(book: DigestBook) -> Pass:
    """Looks in all data for the digests that the book knows by then."""

    def find(data: bytes) -> Iterator[Event]:
        if book and len(data) >= FIRST:
            classes = data.translate(_CLASSES)
            yield from _written(book, data, classes)
            yield from _raw(book, data, classes)

    return Pass("digest", find)


def known_whole(book: DigestBook, data: bytes) -> Known | None:
    """The digest that the data consist of, as they are."""
    return book.look_up(data) if len(data) in SIZES else None


def _event(start: int, end: int, known: Known, form: str | None) -> Event:
    forms = (*([form] if form else ()), known.algorithm, known.what)
    return start, end, Needle(b"", None, sighted=(forms, known.canary))


def _written(book: DigestBook, data: bytes, classes: bytes) -> Iterator[Event]:
    """Digests in hex or base64. A run of 16 characters covers a whole aligned word of 8, so that words are looked at instead of bytes."""
    words = np.frombuffer(classes, np.uint64, len(data) // _WORD)
    of_hex, of_base64 = (np.uint64(int.from_bytes(bytes([bit]) * _WORD)) for bit in (2, 1))
    for start, end in _runs(np.flatnonzero(words & of_hex == of_hex), classes, _IN_HEX):
        if _SHORTEST_HEX <= end - start <= _LONGEST_HEX:
            yield from _hex(book, data, start, end)
    for start, end in _runs(_long_enough(np.flatnonzero(words & of_base64 == of_base64), classes), classes, _IN_BASE64):
        if end - start in _BASE64_LENGTHS:
            yield from _base64(book, data, start, end)


def _long_enough(places: Places, classes: bytes) -> Places:
    """Of words of letters those with as many more beside them as the shortest digest needs: most words of a prose are too short."""
    kinds = np.frombuffer(classes, np.uint8)
    for step in (3, 7, 1, 5):
        before, after = kinds[np.maximum(places * _WORD - step, 0)], kinds[np.minimum(places * _WORD + _WORD - 1 + step, len(kinds) - 1)]
        places = places[(before | after) & 1 == 1]
    return places


def _runs(places: Places, classes: bytes, wanted: bytes) -> Iterator[tuple[int, int]]:
    """The whole runs around words of which every byte belongs to the class; such words side by side are one run."""
    if not len(places):
        return
    breaks = np.flatnonzero(np.diff(places) != 1)
    firsts = places[np.concatenate(([0], breaks + 1))] * _WORD
    lasts = places[np.concatenate((breaks, [len(places) - 1]))] * _WORD + _WORD
    short = lasts - firsts <= _LONGEST_HEX
    edge = 0
    for first, last in zip(firsts[short].tolist(), lasts[short].tolist(), strict=True):
        if first < edge:  # a run of which a word between was passed over
            continue
        before, after = classes[max(0, first - _LONGEST_HEX) : first], classes[last : last + _LONGEST_HEX]
        edge = last + len(after) - len(after.lstrip(wanted))
        yield first - (len(before) - len(before.rstrip(wanted))), edge


def _hex(book: DigestBook, data: bytes, start: int, end: int) -> Iterator[Event]:
    """A run of hex digits; one or two more before the digest may be the end of a word that stands against it."""
    for at in dict.fromkeys((start, *(end - 2 * size for size in SIZES if 0 < end - 2 * size - start <= 2))):
        known = book.look_up(bytes.fromhex(data[at : at + 2 * FIRST].decode()))
        if known is not None:
            yield _event(at, end, known, "hex")
            return


def _base64(book: DigestBook, data: bytes, start: int, end: int) -> Iterator[Event]:
    known = book.look_up(binascii.a2b_base64(data[start : start + 12].translate(_URLSAFE)))
    if known is not None:
        after = data[end : end + 2]
        url = re.search(rb"[-_]", data[start:end]) is not None
        yield _event(start, end + len(after) - len(after.lstrip(b"=")), known, "base64url" if url else "base64")


def _raw(book: DigestBook, data: bytes, classes: bytes) -> Iterator[Event]:
    """Digests as they are: alone, or after their length, as binary records have it. ASCII text holds none."""
    known = known_whole(book, data)
    if known is not None:
        yield _event(0, len(data), known, None)
        return
    for low in range(0, len(data), _BLOCK):
        if not data[low : low + _BLOCK].isascii():
            yield from _counted(book, data, low, classes[low : low + _BLOCK])


def _counted(book: DigestBook, data: bytes, low: int, classes: bytes) -> Iterator[Event]:
    reach = data[low : low + len(classes) + max(_GAPS) + FIRST + 1]
    codes = np.frombuffer(reach, np.uint8)
    lengths = np.flatnonzero(np.frombuffer(classes, np.uint8) & 4)
    for gap in _GAPS:
        places = lengths[lengths + 1 + gap + FIRST <= len(codes)]
        if gap:
            places = places[(codes[places + 1] | codes[places + 2] | codes[places + 3]) == 0]
        places = places + 1 + gap
        wide = [codes[places + step].astype(np.uint32) for step in range(3)]
        clear = wide[0] << np.uint32(16) | wide[1] << np.uint32(8) | wide[2]
        for at in places[book.perhaps(clear)].tolist():
            known = book.look_up(reach[at : at + FIRST])
            if known is not None:
                yield _event(low + at, low + at + reach[at - 1 - gap], known, None)
