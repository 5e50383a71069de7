"""Finding digests in bytes: whatever has the length and the look of one, in hex, base64 or as it is, is looked up in the book.

All is done for a whole buffer at a time, but for the few places where a digest of the book may begin.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .digests import FIRST, SIZES, DigestBook, Known
from .form import Needle
from .passes import Event, Pass

Places = NDArray[np.intp]
Codes = NDArray[np.uint8]

_HEX = b"0123456789abcdefABCDEF"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_IN_BASE64, _IN_HEX, _IS_SIZE = 1, 2, 4
_CLASSES = bytes(
    _IN_BASE64 * (code in _BASE64 or code in b"-_") + _IN_HEX * (code in _HEX) + _IS_SIZE * (code in SIZES) for code in range(256)
)
_WORD = 8
_BLOCK = 32 * 1024
_SAMPLE, _FREQUENT = 512, 12
_KINDS = np.frombuffer(_CLASSES, np.uint8)
_EVERY = {kind: np.uint64(int.from_bytes(bytes([kind]) * _WORD)) for kind in (_IN_HEX, _IN_BASE64)}
_HIGH = np.uint64(0x8080808080808080)
_TO_HIGH = np.uint64(0x5555555555555555)  # added to a byte of ASCII it sets the highest bit from the plus sign on
# How many characters digests take, without padding.
_HEX_SIZES = frozenset(2 * size for size in SIZES)
_BASE64_SIZES = frozenset(-(-size * 8 // 6) for size in SIZES)
_MOST = max(_HEX_SIZES)


def _table(sizes: frozenset[int]) -> NDArray[np.bool_]:
    found = np.zeros(_MOST + 4, np.bool_)
    found[list(sizes)] = True
    return found


_IS_HEX_SIZE, _IS_BASE64_SIZE = _table(_HEX_SIZES), _table(_BASE64_SIZES)  # no run that is looked at is longer
_LITTLE = 8192
_HEX_RUN = re.compile(rb"[0-9a-fA-F]{%d,}" % (2 * FIRST))
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % min(_BASE64_SIZES))
# What may stand between a length and what it is the length of: nothing, the zeros of a wider length (little-endian), and BSON's kind after those.
_GAPS = (0, 3, 4)


def _values(alphabet: bytes) -> NDArray[np.uint32]:
    found = np.zeros(256, np.uint32)
    for value, code in enumerate(alphabet):
        found[code] = value
    return found


_HEX_VALUES = np.array([int(chr(code), 16) if code in _HEX else 0 for code in range(256)], np.uint32)
_BASE64_VALUES = _values(_BASE64)
_BASE64_VALUES[list(b"-_")] = (62, 63)


def digest_pass(book: DigestBook) -> Pass:
    """Looks in all data for the digests that the book knows by then."""

    def find(data: bytes) -> Iterator[Event]:
        if book and len(data) >= FIRST:
            if len(data) <= _LITTLE:
                yield from _in_little_hex(book, data)
                yield from _in_little_base64(book, data)
            else:
                words = _full_words(data)
                yield from _in_hex(book, data, words)
                yield from _in_base64(book, data, words)
            yield from _raw(book, data)

    return Pass("digest", find)


def _in_little_hex(book: DigestBook, data: bytes) -> Iterator[Event]:
    """As `_in_hex`, for data so small that looking at whole arrays would take longer."""
    for run in _HEX_RUN.finditer(data):
        size = run.end() - run.start()
        for extra in (0, 1, 2) if size <= _MOST + 2 else ():
            at = run.start() + extra
            if not extra or size - extra in _HEX_SIZES:
                known = book.look_up(bytes.fromhex(data[at : at + 2 * FIRST].decode()))
                if known is not None:
                    yield _event(at, run.end(), known, "hex")


def _in_little_base64(book: DigestBook, data: bytes) -> Iterator[Event]:
    """As `_in_base64`, for data so small that looking at whole arrays would take longer."""
    for run in _BASE64_RUN.finditer(data):
        if run.end() - run.start() in _BASE64_SIZES:
            known = book.look_up(binascii.a2b_base64(run.group()[:12].translate(_URLSAFE)))
            if known is not None:
                after = data[run.end() : run.end() + 2]
                url = re.search(rb"[-_]", run.group()) is not None
                yield _event(run.start(), run.end() + len(after) - len(after.lstrip(b"=")), known, "base64url" if url else "base64")


def known_whole(book: DigestBook, data: bytes) -> Known | None:
    """The digest that the data consist of, as they are."""
    return book.look_up(data) if len(data) in SIZES else None


def _event(start: int, end: int, known: Known, form: str | None) -> Event:
    forms = (*([form] if form else ()), known.algorithm, known.what)
    return start, end, Needle(b"", None, sighted=(forms, known.canary))


def _in_hex(book: DigestBook, data: bytes, words: dict[int, Places]) -> Iterator[Event]:
    starts, ends = _runs(data, words[_IN_HEX], _IN_HEX, 2 * FIRST)
    sizes = np.minimum(ends - starts, _MOST + 3)
    # One or two digits more before the digest may be the end of a word that stands against it.
    for extra in (0, 1, 2):
        chosen = starts[_IS_HEX_SIZE[sizes - extra] if extra else sizes <= _MOST + 2] + extra
        for at in _worth(book, data, chosen, _HEX_VALUES, 6, 4):
            known = book.look_up(bytes.fromhex(data[at : at + 2 * FIRST].decode()))
            if known is not None:
                yield _event(at, at + int(sizes[starts == at - extra][0]) - extra, known, "hex")


def _in_base64(book: DigestBook, data: bytes, words: dict[int, Places]) -> Iterator[Event]:
    starts, ends = _runs(data, words[_IN_BASE64], _IN_BASE64, min(_BASE64_SIZES))
    chosen = starts[_IS_BASE64_SIZE[np.minimum(ends - starts, _MOST + 3)]]
    for at in _worth(book, data, chosen, _BASE64_VALUES, 4, 6):
        known = book.look_up(binascii.a2b_base64(data[at : at + 12].translate(_URLSAFE)))
        if known is not None:
            end = int(ends[starts == at][0])
            url = re.search(rb"[-_]", data[at:end]) is not None
            after = data[end : end + 2]
            yield _event(at, end + len(after) - len(after.lstrip(b"=")), known, "base64url" if url else "base64")


def _full_words(data: bytes) -> dict[int, Places]:
    """The aligned words of eight bytes that belong to one class, by class. Every run of 16 such bytes covers one, so that words are looked
    at instead of bytes; and first whether they are ASCII from the plus sign on."""
    words = np.frombuffer(data, np.uint64, len(data) // _WORD)
    room = words + _TO_HIGH
    np.bitwise_and(room, _HIGH, out=room)
    # A byte that is no ASCII, and so may carry over into the next, keeps its word out.
    np.bitwise_and(room, ~words, out=room)
    places = np.flatnonzero(room == _HIGH)
    kinds = _KINDS[words[places].view(np.uint8)].view(np.uint64)
    return {kind: places[kinds & every == every] for kind, every in _EVERY.items()}


def _runs(data: bytes, full: Places, kind: int, least: int) -> tuple[Places, Places]:
    """Where runs of one class begin and end that are as long as digests are."""
    codes = np.frombuffer(data, np.uint8)

    def belongs(places: Places) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = _KINDS[codes[np.minimum(np.maximum(places, 0), len(codes) - 1)]] & kind != 0
        return found

    # Most words of a prose end before the shortest digest would, of which at least half the rest stands on one side.
    half = (least - _WORD + 1) // 2
    full = full[belongs(full * _WORD + _WORD + half - 1) | belongs(full * _WORD - half)]
    if not len(full):
        return full, full
    breaks = np.flatnonzero(np.diff(full) != 1)
    starts = full[np.concatenate(([0], breaks + 1))] * _WORD
    ends = full[np.concatenate((breaks, [len(full) - 1]))] * _WORD + _WORD
    short = ends - starts <= _MOST + 2
    starts, ends = starts[short], ends[short]
    # The rest of the run lies in words that are not full, or were passed over.
    for edges, step, beside in ((starts, -1, -1), (ends, 1, 0)):
        moving = np.arange(len(edges))
        for _ in range(_MOST):
            places = edges[moving] + beside
            moving = moving[(places >= 0) & (places < len(codes)) & belongs(places)]
            if not len(moving):
                break
            edges[moving] += step
    starts, unique = np.unique(starts, return_index=True)
    ends = ends[unique]
    long = ends - starts >= least
    return starts[long], ends[long]


def _worth(book: DigestBook, data: bytes, starts: Places, values: NDArray[np.uint32], count: int, bits: int) -> list[int]:
    """Those of the places at which the first `count` characters, of so many bits each, begin a digest that the book may know."""
    if not len(starts):
        return []
    codes = np.frombuffer(data, np.uint8)
    clear = np.zeros(len(starts), np.uint32)
    for step in range(count):
        clear = clear << np.uint32(bits) | values[codes[starts + step]]
    return [int(at) for at in starts[book.perhaps(clear)]]


def _raw(book: DigestBook, data: bytes) -> Iterator[Event]:
    """Digests as they are: alone, or after their length, as binary records have it. ASCII text holds none, and data without any structure,
    such as compressed data, are not looked at."""
    known = known_whole(book, data)
    if known is not None:
        yield _event(0, len(data), known, None)
        return
    for low in range(0, len(data), _BLOCK):
        block = data[low : low + _BLOCK]
        if not block.isascii() and _structured(block):
            yield from _counted(book, data[low : low + _BLOCK + max(_GAPS) + FIRST + 1], len(block), low)


def _structured(block: bytes) -> bool:
    """Whether some bytes are much more frequent than they would be by chance; of a small block nothing can be said."""
    if len(block) < _BLOCK:
        return True
    sample = np.frombuffer(block, np.uint8)[:: _BLOCK // _SAMPLE]
    return int(np.bincount(sample, minlength=256).max()) >= _FREQUENT


def _counted(book: DigestBook, data: bytes, size: int, base: int) -> Iterator[Event]:
    codes = np.frombuffer(data, np.uint8)
    lengths = np.flatnonzero(np.frombuffer(data[:size].translate(_CLASSES), np.uint8) & _IS_SIZE != 0)
    for gap in _GAPS:
        places = lengths[lengths + 1 + gap + FIRST <= len(codes)]
        if gap:
            places = places[(codes[places + 1] | codes[places + 2] | codes[places + 3]) == 0]
        places = places + 1 + gap
        wide = [codes[places + step].astype(np.uint32) for step in range(3)]
        for at in places[book.perhaps(wide[0] << np.uint32(16) | wide[1] << np.uint32(8) | wide[2])].tolist():
            known = book.look_up(data[at : at + FIRST])
            if known is not None:
                yield _event(base + at, base + at + data[at - 1 - gap], known, None)
