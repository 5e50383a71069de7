"""ORC files: the chunks of their streams, decompressed as they stream by.

Which codec they are in stands at the file's end alone, so it is found by trying. Chunks in zstd have a magic of their own and are opened
where they stand, and what is stored as it is is seen there.
"""

from __future__ import annotations

from . import snappy
from .blocks import BlockDecoder, inflate, lz4_block
from .walk import Emit, Failures, Parser, Walk

MAGIC = b"ORC"
_LARGEST = 1 << 23  # what three bytes can say, and more than any writer's blocks
_CODECS: tuple[BlockDecoder, ...] = (inflate, snappy.decompress, lz4_block)
_ZSTD = b"\x28\xb5\x2f\xfd"
_TRIES = 3


def is_orc(head: bytes) -> bool:
    """Whether bytes begin as an ORC file with compressed streams does: with the magic, and a chunk that is decoded or stored as it is."""
    return len(head) >= 16 and head.startswith(MAGIC) and not head[3:].isascii()


def decoder() -> Walk:
    return Walk(_file)


def _file(emit: Emit) -> Parser:
    yield 3
    codecs, failures, decoded = list(_CODECS), Failures("chunk"), 0
    while True:
        try:
            head = int.from_bytes((yield 3), "little")
            data = yield head >> 1
        except EOFError:  # what stands last, the postscript, is no chunk
            if decoded:
                failures.raise_any()
            return
        if head & 1 or data.startswith(_ZSTD) or not data:
            continue
        for codec in codecs:
            try:
                emit(codec(data, _LARGEST))
            except ValueError:
                continue
            codecs.remove(codec)
            codecs.insert(0, codec)
            decoded += 1
            break
        else:
            failures.add("in a compression that is not known")
            if not decoded and head >> 1 > _TRIES:
                return  # no chunks at all: the file is not compressed
