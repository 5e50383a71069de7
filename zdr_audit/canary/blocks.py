"""Compressed blocks without a frame of their own, as containers hold them: each is decoded whole, from its bytes and a bound."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Literal

import brotli
import lz4.block

from . import snappy
from .walk import MOST_DECODED

# Decodes data to at most so many bytes. Raises ValueError where it cannot.
BlockDecoder = Callable[[bytes, int], bytes]


def inflate(data: bytes, limit: int) -> bytes:
    """Raw deflate."""
    engine = zlib.decompressobj(-15)
    try:
        out = engine.decompress(data, limit)
    except zlib.error as problem:
        raise ValueError(str(problem)) from None
    if not engine.eof:
        raise ValueError(f"deflate data do not end within {limit} bytes")
    return out


def lz4_block(data: bytes, limit: int) -> bytes:
    """A raw LZ4 block."""
    try:
        return bytes(lz4.block.decompress(data, uncompressed_size=limit))
    except (lz4.block.LZ4BlockError, MemoryError, OverflowError) as problem:
        raise ValueError(str(problem)) from None


def lz4_hadoop(data: bytes, limit: int) -> bytes:
    """LZ4 blocks as Hadoop writes them: each behind its size when decoded and its size, big-endian."""
    out, at = bytearray(), 0
    while at + 8 <= len(data):
        size, packed = (int.from_bytes(data[at + step : at + step + 4]) for step in (0, 4))
        if len(out) + size > limit or at + 8 + packed > len(data):
            break
        piece = lz4_block(data[at + 8 : at + 8 + packed], size)
        if len(piece) != size:
            break
        out += piece
        at += 8 + packed
    if at != len(data) or not out:
        raise ValueError("these are no LZ4 blocks of Hadoop's")
    return bytes(out)


def unbrotli(data: bytes, limit: int) -> bytes:
    """Brotli, which has no magic."""
    engine = brotli.Decompressor()
    try:
        out = bytes(engine.process(data, output_buffer_limit=limit + 1))  # all there is, or more than may be
    except brotli.error as problem:
        raise ValueError(str(problem)) from None
    if not engine.is_finished() or len(out) > limit:
        raise ValueError(f"brotli data do not end within {limit} bytes")
    return out


def unsnappy(data: bytes) -> bytes:
    """A Snappy block alone."""
    return snappy.decompress(data, MOST_DECODED)


def unlz4(data: bytes) -> bytes:
    """An LZ4 block alone, with or without its size before it."""
    try:
        return sized_lz4(data)
    except ValueError:
        return lz4_block(data, _bound(len(data)))


def sized_lz4(data: bytes) -> bytes:
    """A raw LZ4 block after its size in 4 or 8 bytes."""
    for width, order in _SIZES:
        size = int.from_bytes(data[:width], order)
        if 0 < size <= _bound(len(data)):
            try:
                out = lz4_block(data[width:], size)
            except ValueError:
                continue
            if len(out) == size:
                return out
    raise ValueError("this is no LZ4 block with its size before it")


_SIZES: tuple[tuple[int, Literal["little", "big"]], ...] = ((4, "little"), (4, "big"), (8, "little"))


def _bound(packed: int) -> int:
    """LZ4 cannot make more of so many bytes."""
    return min(MOST_DECODED, 255 * packed)


_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def _is_binary(head: bytes) -> bool:
    return not head.isascii() or _CONTROL.search(head) is not None


def is_snappy_block(head: bytes) -> bool:
    """Whether bytes begin as a raw Snappy block: a size, and elements that refer to nothing before the beginning."""
    if not _is_binary(head):
        return False
    try:
        size, at = snappy.announced(head)
    except ValueError:
        return False
    if not 32 <= size <= MOST_DECODED or head[at : at + 1] == b"" or head[at] & 3:
        return False
    done = 0
    while at < len(head):
        tag, at = head[at], at + 1
        kind = tag & 3
        if not kind:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(head[at : at + extra], "little")
                at += extra
            at += length + 1
            done += length + 1
            continue
        extra = (0, 1, 2, 4)[kind]
        if at + extra > len(head):
            break
        offset = (tag >> 5 << 8 | head[at]) if kind == 1 else int.from_bytes(head[at : at + extra], "little")
        if not 0 < offset <= done:
            return False
        done += (tag >> 2 & 7) + 4 if kind == 1 else (tag >> 2) + 1
        at += extra
    return done <= size


def is_lz4_block(head: bytes) -> bool:
    """Whether bytes begin as a raw LZ4 block, perhaps after its size: literals, and matches that refer to nothing before the beginning."""
    if len(head) < 16 or not _is_binary(head):
        return False
    return is_lz4_start(head) or any(
        size > 32 and is_lz4_start(head[width:], size)
        for width, order in _SIZES
        if (size := int.from_bytes(head[:width], order)) <= MOST_DECODED
    )


def is_lz4_start(head: bytes, size: int = MOST_DECODED) -> bool:
    """Whether bytes begin as the literals and matches of a block of so many bytes at most."""
    at = done = 0
    while at < len(head):
        token, at = head[at], at + 1
        literals, at = _lz4_length(head, at, token >> 4)
        if not done and not literals:
            return False
        at += literals
        done += literals
        if at + 2 > len(head):
            break
        offset = int.from_bytes(head[at : at + 2], "little")
        if not 0 < offset <= done:
            return False
        length, at = _lz4_length(head, at + 2, token & 15)
        done += length + 4
    return done <= size


def _lz4_length(head: bytes, at: int, short: int) -> tuple[int, int]:
    if short < 15:
        return short, at
    while at < len(head):
        short += head[at]
        at += 1
        if head[at - 1] < 255:
            break
    return short, at
