"""Avro object files: blocks in deflate and Snappy, decompressed. Those in other codecs have a magic of their own and are opened where they stand."""

from __future__ import annotations

from collections.abc import Generator

from . import snappy
from .blocks import inflate
from .walk import MOST_DECODED, MOST_PACKED, Emit, Failures, Parser, Walk

MAGIC = b"Obj\x01"
_SEEN_ANYWAY = frozenset((b"null", b"zstandard", b"bzip2", b"xz"))
_MOST_ENTRIES, _LONGEST = 1000, 16 * 1024 * 1024

_Number = Generator[int, bytes, int]


def is_avro(head: bytes) -> bool:
    """Whether bytes begin as an Avro file does: with a list of a few entries, the first of them with a name."""
    return len(head) > 24 and head.startswith(MAGIC) and 0 < head[4] < 128 and head[5:].find(b"avro.") >= 0


def decoder() -> Walk:
    return Walk(_file)


def _file(emit: Emit) -> Parser:
    yield 4
    about: dict[bytes, bytes] = {}
    while count := (yield from _number()):
        if count < 0:
            yield from _number()  # the block's size in bytes
        if abs(count) > _MOST_ENTRIES:
            raise ValueError("its header has more entries than any that is kept here")
        for _ in range(abs(count)):
            name = yield from _text()
            about[name] = yield from _text()
    codec = about.get(b"avro.codec", b"null")
    if codec in _SEEN_ANYWAY:
        return
    if codec not in (b"deflate", b"snappy"):
        raise ValueError(f"its codec '{codec[:20].decode('latin-1')}' is not known")
    marker = yield 16
    failures = Failures("block")
    while True:
        try:
            count = yield from _number()
        except EOFError:
            failures.raise_any()
            return
        size = yield from _number()
        if count < 0 or size < 0 or size > MOST_PACKED:
            raise ValueError("a block announces a size that cannot be")
        data = yield size
        try:
            emit(inflate(data, MOST_DECODED) if codec == b"deflate" else snappy.decompress(data[:-4], MOST_DECODED))
        except ValueError as problem:
            failures.add(str(problem))
        if (yield 16) != marker:
            failures.raise_any()
            raise ValueError("a block does not end in the file's marker")


def _text() -> Generator[int, bytes, bytes]:
    size = yield from _number()
    if not 0 <= size <= _LONGEST:
        raise ValueError("its header holds a text that is longer than any that is kept here")
    return (yield size)


def _number() -> _Number:
    value = 0
    for shift in range(0, 70, 7):
        byte = (yield 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value >> 1 ^ -(value & 1)
    raise ValueError("a number is longer than 64 bits")
