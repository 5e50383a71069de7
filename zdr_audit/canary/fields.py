"""Values of MessagePack, CBOR, BSON, protobuf and pickle that are raw deflate or Brotli: what has no magic is recognised where a field begins.

An object is such a value only where it reads as one from its first byte to its last.
"""

from __future__ import annotations

import itertools
import pickletools
import zlib
from collections.abc import Iterator

from . import compression
from .blocks import unbrotli
from .inflate import RAW
from .walk import MOST_DECODED

_LEAST, _LOOKS = 24, 64  # bytes of a field that is worth a look, and that tell
_DEEPEST = 12
_MOST = 4096  # fields


class _Short(ValueError):
    """The data end too soon."""


class _Cursor:
    """A place in data. Raises _Short where they end too soon."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.found: list[bytes] = []

    def take(self, size: int) -> bytes:
        piece = self.data[self.at : self.at + size]
        if len(piece) < size:
            raise _Short
        self.at += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def field(self, size: int) -> None:
        self.found.append(self.take(size))
        if len(self.found) > _MOST:
            raise ValueError("it has too many fields")


def _msgpack(cursor: _Cursor, depth: int = 0) -> None:
    code = cursor.number(1)
    if depth > _DEEPEST or code == 0xC1:
        raise ValueError("this is no MessagePack")
    if code < 0x80 or code >= 0xE0 or code in (0xC0, 0xC2, 0xC3):
        return
    count = 0
    if code < 0x90 or code in (0xDE, 0xDF):
        count = 2 * (code & 15 if code < 0x90 else cursor.number(2 if code == 0xDE else 4))
    elif code < 0xA0 or code in (0xDC, 0xDD):
        count = code & 15 if code < 0xA0 else cursor.number(2 if code == 0xDC else 4)
    elif code < 0xC0:
        cursor.field(code & 31)
    elif code in _MSGPACK_SIZED:
        cursor.field(cursor.number(_MSGPACK_SIZED[code]))
    elif 0xC7 <= code <= 0xC9:
        size = cursor.number(1 << code - 0xC7)
        cursor.take(1)
        cursor.field(size)
    else:
        cursor.take(_MSGPACK_FIXED[code])
    for _ in range(count):
        _msgpack(cursor, depth + 1)


_MSGPACK_SIZED = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_MSGPACK_FIXED = {0xCA: 4, 0xCB: 8, **{0xCC + at: 1 << at for at in range(4)}, **{0xD0 + at: 1 << at for at in range(4)}} | {
    0xD4 + at: 1 + (1 << at) for at in range(5)
}


def _cbor(cursor: _Cursor, depth: int = 0) -> None:
    code = cursor.number(1)
    kind, short = code >> 5, code & 31
    if depth > _DEEPEST or short > 27:  # what is of unknown length is not read
        raise ValueError("this is no CBOR")
    value = short if short < 24 else cursor.number(1 << short - 24)
    if kind in (2, 3):
        cursor.field(value)
    elif kind in (4, 5, 6):
        for _ in range({4: value, 5: 2 * value, 6: 1}[kind]):
            _cbor(cursor, depth + 1)


def _bson(cursor: _Cursor, depth: int = 0) -> None:
    start = cursor.at
    size = int.from_bytes(cursor.take(4), "little")
    if depth > _DEEPEST or size < 5:
        raise ValueError("this is no BSON")
    while code := cursor.number(1):
        end = cursor.data.find(b"\x00", cursor.at)
        if end < 0:
            raise _Short
        cursor.at = end + 1
        if code in (3, 4):
            _bson(cursor, depth + 1)
        elif code in (2, 5, 13, 14):
            length = int.from_bytes(cursor.take(4), "little")
            if code == 5:
                cursor.take(1)
            cursor.field(length)
        elif code in _BSON_FIXED:
            cursor.take(_BSON_FIXED[code])
        else:
            raise ValueError("an element is of no kind that is known")
    if cursor.at != start + size:
        raise ValueError("it is not as long as it says")


_BSON_FIXED = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 127: 0, 255: 0}


def _protobuf(cursor: _Cursor) -> None:
    while cursor.at < len(cursor.data):
        tag = _varint(cursor)
        kind = tag & 7
        if not 0 < tag >> 3 < 1 << 29 or kind not in (0, 1, 2, 5):
            raise ValueError("this is no protobuf")
        if kind == 0:
            _varint(cursor)
        elif kind == 2:
            cursor.field(_varint(cursor))
        else:
            cursor.take(8 if kind == 1 else 4)


def _varint(cursor: _Cursor) -> int:
    value = 0
    for shift in range(0, 70, 7):
        code = cursor.number(1)
        value |= (code & 0x7F) << shift
        if code < 0x80:
            return value
    raise ValueError("a number does not end")


def _pickle(cursor: _Cursor) -> None:
    """The operations are read, none is done."""
    for _operation, argument, _ in itertools.islice(pickletools.genops(cursor.data), 64 * _MOST):
        if isinstance(argument, bytes | bytearray) and len(argument) >= _LEAST:
            cursor.found.append(bytes(argument))
    cursor.at = len(cursor.data)


_READERS = {"msgpack": _msgpack, "cbor": _cbor, "bson": _bson, "protobuf": _protobuf, "pickle": _pickle}


def _kinds(head: bytes) -> Iterator[str]:
    """What an object may be by its first bytes."""
    first = head[0]
    if head[:1] == b"\x80" and 2 <= head[1] <= 5:
        yield "pickle"
    if 0x80 < first < 0xA0 or 0xDC <= first <= 0xDF:
        yield "msgpack"
    if 0x80 < first < 0xB8 or first in (0xB8, 0xB9, 0xD8, 0xD9):
        yield "cbor"
    if head[3] < 2 and (head[4] in _BSON_FIXED or head[4] in (2, 3, 4, 5, 13, 14)):
        yield "bson"
    if first & 7 in (0, 1, 2, 5) and 0 < first >> 3 < 16:
        yield "protobuf"


def is_record(head: bytes) -> bool:
    """Whether bytes begin as a record may, and hold what no text does."""
    return len(head) >= _LEAST and compression.is_binary(head) and any(_may_go_on(head, kind) for kind in _kinds(head))


def _may_go_on(head: bytes, kind: str) -> bool:
    """Whether bytes read as such a record up to their end."""
    if kind == "pickle":
        return True
    try:
        _READERS[kind](_Cursor(head))
    except _Short:
        return True
    except (ValueError, KeyError):
        return False
    return True


def decode(data: bytes) -> bytes:
    """What the fields without a magic hold, one after another. Raises ValueError where this is no such record, or has none."""
    for kind in _kinds(data[:_LOOKS]):
        cursor = _Cursor(data)
        try:
            _READERS[kind](cursor)
        except (ValueError, KeyError):
            continue
        if cursor.at != len(data):
            continue
        found = [decoded for field in cursor.found if len(field) >= _LEAST and (decoded := _decoded(field)) is not None]
        if found:
            return b"\n".join(found)
    raise ValueError("no field holds anything that is compressed without a magic")


def _decoded(field: bytes) -> bytes | None:
    head = field[:_LOOKS]
    if compression.is_deflate(head):
        engine = zlib.decompressobj(RAW)
        try:
            out = engine.decompress(field, MOST_DECODED)
        except zlib.error:
            out = b""
        if engine.eof and not engine.unused_data:
            return out
    if compression.is_brotli(head):
        try:
            return unbrotli(field, MOST_DECODED)
        except ValueError:
            return None
    return None
