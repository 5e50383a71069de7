"""Redis snapshots (RDB files, and the payload of DUMP): their LZF-compressed strings, decompressed.

Strings that are stored as they are need no decoder. The walk follows the lengths alone and keeps no string but the one it decompresses.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from .lzf import decompress
from .walk import Emit, Parser, Walk

MAGIC = b"REDIS00"
_HEADER = re.compile(rb"REDIS\d{4}")
_MAX_COMPRESSED = 16 * 1024 * 1024
_MAX_DECOMPRESSED = 64 * 1024 * 1024
_MAX_STRING = 512 * 1024 * 1024  # what Redis itself allows by default
_LZF = 3

# How a value of each type is laid out: a count and then so many times these parts. s: string, l: length, f: a float as text, a digit: so many
# raw bytes.
_COUNTED = {1: "s", 2: "s", 3: "sf", 4: "ss", 5: "s8", 14: "s", 18: "ls", 24: "lss"}
_ONE_STRING = frozenset((0, 9, 10, 11, 12, 13, 16, 17, 20, 25))
_MINIMUM_EXPIRY = frozenset((24, 25))  # eight bytes before the rest
_STREAMS = {15: 0, 19: 1, 21: 2}
_MODULE = 7
_OPCODES = {0xFA: "ss", 0xFE: "l", 0xFB: "ll", 0xFD: "4", 0xFC: "8", 0xF8: "l", 0xF9: "1", 0xF5: "s", 0xF4: "lll"}
_MODULE_AUX, _END = 0xF7, 0xFF
_MODULE_PARTS = {1: "l", 2: "l", 3: "4", 4: "8", 5: "s"}

_Reads = Generator[int, bytes, int]


def is_rdb(data: bytes) -> bool:
    """Whether the bytes begin as an RDB file does."""
    return _HEADER.match(data) is not None


class RdbDecoder(Walk):
    """Decodes an RDB file (or, with `dump`, the payload of DUMP) to its compressed strings, each followed by a line break.

    A value of an unknown type ends the decoding with `error`. So does nothing else but damage: what follows the file is no part of it.
    """

    cut_off = "the snapshot is cut off"

    def __init__(self, dump: bool = False) -> None:
        self._passed_over = 0
        super().__init__(lambda emit: self._parser_of(dump, emit))

    def _parser_of(self, dump: bool, emit: Emit) -> Parser:
        self._emit = emit
        yield from self._dump() if dump else self._file()
        if self._passed_over:
            raise ValueError(
                f"{self._passed_over} compressed strings are larger than {_MAX_COMPRESSED} bytes, or {_MAX_DECOMPRESSED} decompressed"
            )

    def _file(self) -> Parser:
        version = int((yield 9)[5:])
        while True:
            code = (yield 1)[0]
            if code == _END:
                if version >= 5:
                    yield 8  # the checksum
                return
            if code in _OPCODES:
                yield from self._parts(_OPCODES[code])
            elif code == _MODULE_AUX:
                yield from self._parts("lll")
                yield from self._module()
            else:
                yield from self._string()
                yield from self._value(code)

    def _dump(self) -> Parser:
        yield from self._value((yield 1)[0])

    def _value(self, kind: int) -> Parser:
        if kind in _MINIMUM_EXPIRY:
            yield 8
        if kind in _ONE_STRING:
            yield from self._string()
        elif kind in _COUNTED:
            for _ in range((yield from self._length())):
                yield from self._parts(_COUNTED[kind])
        elif kind in _STREAMS:
            yield from self._stream(_STREAMS[kind])
        elif kind == _MODULE:
            yield from self._length()
            yield from self._module()
        else:
            raise ValueError(f"values of type {kind} are not known")

    def _stream(self, edition: int) -> Parser:
        for _ in range((yield from self._length())):
            yield from self._parts("ss")
        yield from self._parts("lllllllll"[: 8 if edition else 3])
        for _ in range((yield from self._length())):
            yield from self._parts("slll" if edition else "sll")
            for _ in range((yield from self._length())):
                yield 24
                yield from self._length()
            for _ in range((yield from self._length())):
                yield from self._parts("s88" if edition > 1 else "s8")
                pending = yield from self._length()
                if pending:
                    yield -16 * pending

    def _module(self) -> Parser:
        while code := (yield from self._length()):
            if code not in _MODULE_PARTS:
                raise ValueError(f"a module's value holds a part of unknown kind {code}")
            yield from self._parts(_MODULE_PARTS[code])

    def _parts(self, layout: str) -> Parser:
        for part in layout:
            if part == "s":
                yield from self._string()
            elif part == "l":
                yield from self._length()
            elif part == "f":
                size = (yield 1)[0]
                if size < 253:
                    yield size
            else:
                yield int(part)

    def _length(self) -> _Reads:
        length = yield from self._encoded()
        if length < 0:
            raise ValueError("a length is expected where there is none")
        return length

    def _encoded(self) -> _Reads:
        """A length, or -1 - n for the special encoding n of a string."""
        first = (yield 1)[0]
        kind, low = first >> 6, first & 0x3F
        if kind == 0:
            return low
        if kind == 1:
            return low << 8 | (yield 1)[0]
        if kind == 3:
            return -1 - low
        if first == 0x80:
            return int.from_bytes((yield 4))
        if first == 0x81:
            return int.from_bytes((yield 8))
        raise ValueError(f"no length begins with byte {first:#x}")

    def _string(self) -> Parser:
        length = yield from self._encoded()
        if length > 0:
            if length > _MAX_STRING * 8:
                raise ValueError("a string is longer than any that Redis stores")
            yield -length
        elif length == -1 - _LZF:
            compressed = yield from self._length()
            size = yield from self._length()
            if not compressed:
                raise ValueError("an empty compressed string")
            if compressed > _MAX_COMPRESSED or size > _MAX_DECOMPRESSED:
                self._passed_over += 1
                yield -compressed
            else:
                self._emit(decompress((yield compressed), size) + b"\n")
        elif length < 0:
            if length < -3:
                raise ValueError(f"no string has the encoding {-1 - length}")
            yield (1, 2, 4)[-1 - length]
