"""LZF, with which Redis compresses strings."""

from __future__ import annotations


def decompress(data: bytes, size: int) -> bytes:
    """The `size` bytes that were compressed. Raises ValueError where the data are damaged."""
    out = bytearray()
    at, end = 0, len(data)
    try:
        while at < end:
            control = data[at]
            at += 1
            if control < 32:
                if at + control >= end:
                    raise ValueError("a run of LZF data is cut off")
                out += data[at : at + control + 1]
                at += control + 1
            else:
                length = control >> 5
                if length == 7:
                    length += data[at]
                    at += 1
                start = len(out) - ((control & 0x1F) << 8 | data[at]) - 1
                at += 1
                if start < 0:
                    raise ValueError("LZF data refer to what is before their beginning")
                copy_back(out, start, length + 2)
            if len(out) > size:
                break
    except IndexError:
        raise ValueError("LZF data are cut off") from None
    if len(out) != size:
        raise ValueError(f"LZF data hold {'more' if len(out) > size else 'less'} than the {size} bytes they announce")
    return bytes(out)


def copy_back(out: bytearray, start: int, length: int) -> None:
    """Append `length` bytes of `out` from `start` on; they may overlap what is being appended."""
    piece = out[start : start + length]
    if len(piece) < length:
        piece = (piece * (length // len(piece) + 1))[:length]
    out += piece
