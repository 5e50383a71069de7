"""Finding digests in bytes: whatever has the length and the look of one, in hex, base64, as a UUID or as it is, is looked up in the book.

All is done for a whole buffer at a time, but for the few places where a digest of the book may begin.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .digests import FIRST, SIZES, DigestBook, Known
from .form import Needle
from .passes import Event, Pass
from .runs import Places, Runs, find_runs

_HEX = b"0123456789abcdefABCDEF"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URLSAFE = bytes.maketrans(b"-_", b"+/")
_BLOCK = 32 * 1024
_SAMPLE, _FREQUENT = 512, 12
_HIGH = np.uint64(0x8080808080808080)
# How many characters digests take, without padding.
_HEX_SIZES = frozenset(2 * size for size in SIZES)
_BASE64_SIZES = frozenset(-(-size * 8 // 6) for size in SIZES)
_MOST = max(_HEX_SIZES)


def _table(sizes: frozenset[int]) -> NDArray[np.bool_]:
    found = np.zeros(_MOST + 4, np.bool_)
    found[list(sizes)] = True
    return found


_IS_HEX_SIZE, _IS_BASE64_SIZE = _table(_HEX_SIZES), _table(_BASE64_SIZES)  # no run that is looked at is longer
_SIZES = bytes(code in SIZES for code in range(256))
_CHARACTER = 4  # bytes that one takes at most in UTF-8
_LITTLE = 8192
_HEX_RUN = re.compile(rb"[0-9a-fA-F]{%d,}" % (2 * FIRST))
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UUID_FIRST, _UUID_GAP, _UUID_HYPHENS = 8, 5, 4
"""Where the first hyphen of a UUID stands, how far the others stand from the one before, and how many there are."""
_NOWHERE: Places = np.empty(0, np.intp)
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{%d,}" % min(_BASE64_SIZES))
# What may stand between a length and what it is the length of: nothing, the zeros of a wider length (little-endian), and BSON's kind after those.
_GAPS = (0, 3, 4)


# What each digit stands for; what is none, for nothing.
_HEX_VALUES = bytes(int(chr(code), 16) if code in _HEX else 0 for code in range(256))
_BASE64_VALUES = bytes(max(0, _BASE64.find(bytes([code]).translate(_URLSAFE))) for code in range(256))


def digest_pass(book: DigestBook) -> Pass:
    """Looks in all data for the digests that the book knows by then."""

    def find(data: bytes) -> Iterator[Event]:
        if book:
            if len(data) <= _LITTLE:
                yield from _in_little_hex(book, data)
                yield from _in_little_base64(book, data)
            else:
                hexadecimal, base64 = find_runs(data, _MOST + 2)
                yield from _in_hex(book, data, hexadecimal)
                yield from _in_base64(book, data, base64)
            yield from _in_uuids(book, data)
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


def _in_uuids(book: DigestBook, data: bytes) -> Iterator[Event]:
    """Digests of sixteen bytes, or cut to them, that are written as a UUID."""
    for start in _worth(book, data, _uuid_places(data), _HEX_VALUES, 6, 4):
        found = _UUID.match(data, start)
        known = book.look_up(bytes.fromhex(found.group().replace(b"-", b"")[: 2 * FIRST].decode())) if found else None
        if found and known is not None:
            yield _event(found.start(), found.end(), known, "hex")


def _uuid_places(data: bytes) -> Places:
    """Where UUIDs may begin: before four hyphens that stand as far apart as theirs."""
    if len(data) <= _LITTLE and data.count(b"-") < _UUID_HYPHENS:
        return _NOWHERE
    hyphens = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("-"))
    if len(hyphens) < _UUID_HYPHENS:
        return _NOWHERE
    near = np.diff(hyphens) == _UUID_GAP
    first = hyphens[:-3][near[:-2] & near[1:-1] & near[2:]]
    places: Places = first[first >= _UUID_FIRST] - _UUID_FIRST
    return places


def known_whole(book: DigestBook, data: bytes) -> Known | None:
    """The digest that the data consist of, as they are."""
    return book.look_up(data) if len(data) in SIZES else None


def _event(start: int, end: int, known: Known, form: str | None) -> Event:
    forms = (*([form] if form else ()), known.algorithm, known.what)
    return start, end, Needle(b"", None, sighted=(forms, known.canary))


def _in_hex(book: DigestBook, data: bytes, runs: Runs) -> Iterator[Event]:
    starts, sizes = runs.starts, runs.ends - runs.starts
    # One or two digits more before the digest may be the end of a word that stands against it.
    for extra in (0, 1, 2):
        chosen = (starts[_IS_HEX_SIZE[sizes - extra]] if extra else starts) + extra
        for at in _worth(book, data, chosen, _HEX_VALUES, 6, 4):
            known = book.look_up(bytes.fromhex(data[at : at + 2 * FIRST].decode()))
            if known is not None:
                yield _event(at, at + int(sizes[starts == at - extra][0]) - extra, known, "hex")


def _in_base64(book: DigestBook, data: bytes, runs: Runs) -> Iterator[Event]:
    starts, ends = runs.starts, runs.ends
    chosen = starts[_IS_BASE64_SIZE[ends - starts]]
    for at in _worth(book, data, chosen, _BASE64_VALUES, 4, 6):
        known = book.look_up(binascii.a2b_base64(data[at : at + 12].translate(_URLSAFE)))
        if known is not None:
            end = int(ends[starts == at][0])
            url = re.search(rb"[-_]", data[at:end]) is not None
            after = data[end : end + 2]
            yield _event(at, end + len(after) - len(after.lstrip(b"=")), known, "base64url" if url else "base64")


def _worth(book: DigestBook, data: bytes, starts: Places, values: bytes, count: int, bits: int) -> list[int]:
    """Those of the places at which the first `count` of eight characters, of so many bits each, begin a digest that the book may know."""
    if not len(starts):
        return []
    eights: NDArray[np.uint64] = np.ndarray((len(data) - 7,), np.uint64, data, strides=(1,))[starts]
    digits = np.frombuffer(eights.tobytes().translate(values), np.uint8).reshape(-1, 8)
    clear = np.zeros(len(starts), np.uint32)
    for step in range(count):
        clear = clear << np.uint32(bits) | digits[:, step]
    found: list[int] = starts[book.perhaps(clear)].tolist()
    return found


def _raw(book: DigestBook, data: bytes) -> Iterator[Event]:
    """Digests as they are: alone, or after their length, as binary records have it. Text holds none, since no sixteen bytes by chance are such;
    and data without any structure, such as compressed data, are not looked at."""
    known = known_whole(book, data)
    if known is not None:
        yield _event(0, len(data), known, None)
        return
    if data.isascii():
        return
    for low, high in _worth_looking(data):
        yield from _counted(book, data[low : high + max(_GAPS) + FIRST], high - low, low)


def _worth_looking(data: bytes) -> list[tuple[int, int]]:
    """The ranges in which digests may stand as they are."""
    found: list[tuple[int, int]] = []
    for low, structured in zip(range(0, len(data), _BLOCK), _structured(data), strict=True):
        block = data[low : low + _BLOCK] if structured else b""
        if not block.isascii() and not _is_text(block):
            start = found.pop()[0] if found and found[-1][1] == low else low
            found.append((start, low + len(block)))
    return found


def _structured(data: bytes) -> list[bool]:
    """Of each block whether some bytes are much more frequent than they would be by chance; of a small one nothing can be said. A last one that
    is not whole is told of by as many bytes before the end."""
    count = len(data) // _BLOCK
    if not count:
        return [True]
    ends = [data, data[-_BLOCK:]] if len(data) % _BLOCK else [data]
    sample = np.concatenate([np.frombuffer(one, np.uint8, len(one) // _BLOCK * _BLOCK)[:: _BLOCK // _SAMPLE] for one in ends])
    blocks = sample.reshape(-1, _SAMPLE) + 256 * np.arange(len(sample) // _SAMPLE)[:, None]
    counted = np.bincount(blocks.ravel(), minlength=256 * len(blocks)).reshape(len(blocks), 256)
    frequent: list[bool] = (counted.max(axis=1) >= _FREQUENT).tolist()
    return frequent


def _is_text(block: bytes) -> bool:
    """Whether it is UTF-8 throughout, a character cut off at either end aside."""
    first = next((at for at in range(_CHARACTER) if block[at : at + 1] and block[at] & 0xC0 != 0x80), _CHARACTER)
    try:
        codecs.utf_8_decode(block[first:], "strict", False)
    except UnicodeDecodeError:
        return False
    return len(block) >= _BLOCK


def _counted(book: DigestBook, data: bytes, size: int, base: int) -> Iterator[Event]:
    codes = np.frombuffer(data, np.uint8)
    lengths = _lengths(data, size)
    for gap in _GAPS:
        places = lengths[lengths + 1 + gap + FIRST <= len(codes)]
        if gap:
            places = places[(codes[places + 1] | codes[places + 2] | codes[places + 3]) == 0]
        places = places + 1 + gap
        first, second, third = (codes[places + step].astype(np.uint32) for step in range(3))
        for at in places[book.perhaps(first << np.uint32(16) | second << np.uint32(8) | third)].tolist():
            known = book.look_up(data[at : at + FIRST])
            if known is not None:
                yield _event(base + at, base + at + data[at - 1 - gap], known, None)


def _lengths(data: bytes, size: int) -> Places:
    """Bytes among the first `size` that are the length of a digest, behind which not only ASCII stands."""
    words = np.frombuffer(data + bytes(16 + -len(data) % 8), np.uint64)
    near = words & _HIGH != 0
    # The words on which the shortest digest may lie: of more bytes than may be ASCII by chance.
    near = near | np.append(near[1:], False)
    places = np.flatnonzero(near | np.append(near[2:], (False, False)))
    # A truth for each byte of these words, one after another.
    found = np.flatnonzero(np.frombuffer(words[places].tobytes().translate(_SIZES), np.bool_))
    lengths: Places = places[found >> 3] * 8 + (found & 7)
    return lengths[lengths < size]
