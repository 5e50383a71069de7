"""Numbers of seven bits a byte, the lowest first, as protobuf, Thrift and the varints of token ids are written."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """The number, which is not negative."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
