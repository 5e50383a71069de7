"""Objects that are text in UTF-16: read as what they say, so that every form is seen in them that is seen in plain text."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

_LEAST = 32


def _is_text(plain: bytes, zeros: bytes) -> bool:
    return len(plain) >= _LEAST // 2 and zeros.count(0) * 8 >= len(zeros) * 7 and all(code >= 32 or code in b"\t\r\n" for code in plain)


def is_little(head: bytes) -> bool:
    """Whether bytes begin as text whose zeros come second."""
    head = head.removeprefix(b"\xff\xfe")
    return _is_text(head[::2], head[1::2])


def is_big(head: bytes) -> bool:
    """Whether bytes begin as text whose zeros come first."""
    head = head.removeprefix(b"\xfe\xff")
    return _is_text(head[1::2], head[::2])


class Wide:
    """Decodes text in UTF-16 to UTF-8."""

    def __init__(self, name: str) -> None:
        self.ended = False
        self.error: str | None = None
        self.consumed = 0
        self._decoder = codecs.getincrementaldecoder(name)("replace")

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The text so far."""
        self.consumed += len(data)
        yield self._decoder.decode(data).encode("utf-8", "replace")

    def close(self) -> Iterator[bytes]:
        """Nothing is left but half a character."""
        self.ended = True
        return iter(())
