"""What a decoder makes of data."""

from __future__ import annotations


def fed(decoder, data: bytes, size: int = 1 << 20) -> bytes:
    """Fed so many bytes at a time, until it has enough; then closed."""
    out = b""
    for at in range(0, len(data), size):
        if not decoder.ended:
            out += b"".join(decoder.feed(data[at : at + size]))
    return out + b"".join(decoder.close())
