"""What opens an encoding as a stream: the patterns that may begin one, a cheap check that one really does, and a decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol


class StreamDecoder(Protocol):
    """Decodes what it is fed. `ended` is set at its natural end, `error` where decoding failed; `consumed` counts encoded bytes used."""

    ended: bool
    error: str | None
    consumed: int

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded blocks of at most `BLOCK` bytes; lazily, so that a caller can stop at a bomb."""

    def close(self) -> Iterator[bytes]:
        """What is left when the input is over."""


@dataclass(frozen=True)
class Opener:
    """`patterns` with the number of bytes that the encoding begins before each. `check` sees `looks` bytes from that beginning, fewer where the
    data end. `strict`: the check leaves no room for chance, so a failure to decode is worth saying. `joins`: one that begins directly after
    the end of another continues its content, as members of one gzip file do. `quiet`: what has no magic is an attempt, which may fail.
    `refused`: known but not decoded, which is said. `keeps`: what it holds is left as it is, but in pieces; what is seen whole anyway is not
    told again."""

    name: str
    patterns: tuple[tuple[bytes, int], ...]
    check: Callable[[bytes], bool]
    decoder: Callable[[], StreamDecoder]
    strict: bool
    joins: bool = False
    quiet: bool = False
    refused: bool = False
    keeps: bool = False
    looks: int = 64
    in_text: bool = False
    """Whether its patterns stand in text of ASCII alone."""


@dataclass(frozen=True)
class Part:
    """A place in a container at which content begins that may have no magic. `content` sees `looks` bytes from the part's beginning, and says
    where the content begins and how long it is (None: unknown); None where this is no part after all."""

    patterns: tuple[tuple[bytes, int], ...]
    content: Callable[[bytes], tuple[int, int | None] | None]
    looks: int = 64


class Limited:
    """Decodes so many bytes and no more."""

    def __init__(self, decoder: StreamDecoder, size: int) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._decoder, self._left = decoder, size

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What of it belongs to the content."""
        piece = data[: self._left]
        self._left -= len(piece)
        yield from self._decoder.feed(piece)
        if not self._left and not self._decoder.ended:
            yield from self._decoder.close()
        self._take_over()

    def close(self) -> Iterator[bytes]:
        """What is left when the input is over."""
        yield from self._decoder.close()
        self._take_over()

    def _take_over(self) -> None:
        self.ended, self.error, self.consumed = self._decoder.ended, self._decoder.error, self._decoder.consumed
