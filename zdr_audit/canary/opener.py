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
    """`patterns` with the number of bytes that the encoding begins before each. `check` sees 64 bytes from that beginning, fewer where the
    data end. `strict`: the check leaves no room for chance, so a failure to decode is worth saying. `joins`: one that begins directly after
    the end of another continues its content, as members of one gzip file do. `quiet`: what has no magic is an attempt, which may fail.
    `refused`: known but not decoded, which is said."""

    name: str
    patterns: tuple[tuple[bytes, int], ...]
    check: Callable[[bytes], bool]
    decoder: Callable[[], StreamDecoder]
    strict: bool
    joins: bool = False
    quiet: bool = False
    refused: bool = False
