"""Snappy: its raw blocks, and the frames in which streams of them are written."""

from __future__ import annotations

from collections.abc import Iterator

import cramjam

FRAME_MAGIC = b"\xff\x06\x00\x00sNaPpY"
_BLOCK = 65536  # bytes at most that a frame decodes to


def announced(data: bytes) -> tuple[int, int]:
    """The size in bytes to which a raw block says it decodes, and where its content begins. Raises ValueError where it does not begin as one."""
    size = 0
    for at in range(5):
        if at >= len(data):
            raise ValueError("Snappy data are cut off")
        size |= (data[at] & 0x7F) << 7 * at
        if data[at] < 0x80:
            return size, at + 1
    raise ValueError("Snappy data begin with no size")


def decompress(data: bytes, limit: int) -> bytes:
    """A raw block. Raises ValueError where it is damaged or decodes to more than `limit` bytes."""
    size, _ = announced(data)
    if size > limit:
        raise ValueError(f"Snappy data announce {size} bytes, more than the {limit} that are decoded")
    try:
        out = bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as problem:
        raise ValueError(str(problem)) from None
    if len(out) != size:
        raise ValueError(f"Snappy data do not hold the {size} bytes they announce")
    return out


class SnappyFrames:
    """The framed format: chunks of a type, a length of three bytes and content, of which the first four bytes are a checksum."""

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded blocks of at most 64 KiB."""
        self._held += data
        while len(self._held) >= 4 and not self.ended:
            kind, size = self._held[0], int.from_bytes(self._held[1:4], "little")
            known = kind in (0, 1) or kind >= 0x80
            if (
                not known
                or (kind < 2 and size > 2 * _BLOCK)
                or (kind == 0xFF and not self._held.startswith(FRAME_MAGIC[: len(self._held)]))
            ):
                self.ended = True  # what follows is no part of it
                return
            if len(self._held) < 4 + size:
                return
            content, self._held = self._held[4 : 4 + size], self._held[4 + size :]
            self.consumed += 4 + size
            if kind == 0:
                try:
                    yield decompress(content[4:], _BLOCK)
                except ValueError as problem:
                    self.error, self.ended = str(problem), True
            elif kind == 1:
                yield content[4:]

    def close(self) -> Iterator[bytes]:
        """Nothing is left when the input is over, but that it was cut off may have to be said."""
        if not self.ended and self._held:
            self.error = "the stream is cut off"
        self.ended = True
        return iter(())
