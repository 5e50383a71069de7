"""Where content begins inside containers that leave it as it is: members of tar and stored ones of zip, bodies of HTTP and of mail.

What has no magic of its own, as raw deflate and Brotli, is recognised at the beginning of an object alone, and here.
"""

from __future__ import annotations

import re

from .opener import Part

_TAR_BLOCK = 512
_FLOW = re.compile(rb"7:content[;,]([0-9]{1,9}):")


def _tar(head: bytes) -> tuple[int, int | None] | None:
    if len(head) < _TAR_BLOCK or head[156:157] not in (b"0", b"\x00", b"7"):
        return None
    try:
        told, size = (int(head[start:end].strip(b" \x00"), 8) for start, end in ((148, 156), (124, 136)))
    except ValueError:
        return None
    counted = sum(head[:148]) + 8 * 32 + sum(head[156:_TAR_BLOCK])
    return (_TAR_BLOCK, size) if told == counted and size else None


def _zip(head: bytes) -> tuple[int, int | None] | None:
    if len(head) < 30 or head[6] & 9 or head[8:10] != b"\x00\x00":
        return None
    size = int.from_bytes(head[18:22], "little")
    return (30 + sum(int.from_bytes(head[at : at + 2], "little") for at in (26, 28)), size) if size else None


def _flow(head: bytes) -> tuple[int, int | None] | None:
    """A body as mitmproxy keeps it."""
    found = _FLOW.match(head)
    return (found.end(), int(found[1])) if found and int(found[1]) else None


def _body(_head: bytes) -> tuple[int, int | None] | None:
    return 4, None


PARTS: tuple[Part, ...] = (
    Part(((b"ustar", 257),), _tar, looks=_TAR_BLOCK),
    Part(((b"PK\x03\x04", 0),), _zip),
    Part(((b"7:content", 0),), _flow),
    Part(((b"\r\n\r\n", 0),), _body),
)
