"""uuencoded files, and ascii85 between its own marks: what they hold begins there, with a magic or without."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from .escapes import ascii85_decoder
from .opener import StreamDecoder

_BEGIN = re.compile(rb"begin(?:-base64)? [0-7]{3,4} [^\r\n]{1,255}\r?\n")
_ADOBE = re.compile(rb"[!-uz\s]{20}")
_LONGEST_LINE = 100


def is_uuencoded(head: bytes) -> bool:
    """Whether bytes begin with the first line of a uuencoded file, and go on with a line of it."""
    begin = _BEGIN.match(head)
    return begin is not None and begin.end() < len(head) and 33 <= head[begin.end()] <= 96


def is_adobe(head: bytes) -> bool:
    """Whether what follows the mark can be ascii85 of something that is no text."""
    if _ADOBE.match(head) is None:
        return False
    decoder = adobe()
    return not b"".join(decoder.feed(head)).isascii()


def adobe() -> StreamDecoder:
    """ascii85 from behind its first mark on."""
    return ascii85_decoder()


class Uuencoded:
    """Decodes line by line, up to the last."""

    def __init__(self) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._held = b""
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What whole lines decode to."""
        *lines, self._held = (self._held + data).split(b"\n")
        found = bytearray()
        for line in lines:
            self.consumed += len(line) + 1
            if not self._begun:
                self._begun = True
                continue
            try:
                piece = binascii.a2b_uu(line.rstrip(b"\r"))
            except binascii.Error:
                piece = b""
            if not piece:
                self.ended = True
                break
            found += piece
        if len(self._held) > _LONGEST_LINE and self._begun:
            self.ended = True
        if found:
            yield bytes(found)

    def close(self) -> Iterator[bytes]:
        """A last line without its end is none."""
        self.ended = True
        return iter(())
