"""Writes what PostgreSQL compresses in its own way (pglz), item by item: what is copied from where is the caller's choice."""

from __future__ import annotations


def pglz(*items: bytes | tuple[int, int]) -> bytes:
    """Literals, and (offset, length) of what is copied: eight items to a control byte, of which the lowest bit is the first's."""
    units: list[tuple[int, bytes]] = []
    for item in items:
        if isinstance(item, bytes):
            units += [(0, bytes([byte])) for byte in item]
        else:
            offset, length = item
            small = min(length, 18)
            more = bytes([length - 18]) if small == 18 else b""
            units.append((1, bytes([offset >> 8 << 4 | small - 3, offset & 255]) + more))
    out = b""
    for first in range(0, len(units), 8):
        group = units[first : first + 8]
        out += bytes([sum(bit << place for place, (bit, _) in enumerate(group))]) + b"".join(data for _, data in group)
    return out


def in_pieces(text: bytes, before: bytes = b"", after: int = 200) -> tuple[bytes, bytes]:
    """Content that ends in the text and so many equal bytes, and its compressed form, in which no four bytes of the text stand together."""
    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    pieces[-1] = pieces[-1].ljust(3, b".")
    first = before + b"".join(piece + b"~" for piece in reversed(pieces))
    items: list[bytes | tuple[int, int]] = [first]
    content = first
    for number, piece in enumerate(pieces):
        place = len(before) + 4 * (len(pieces) - 1 - number)
        items.append((len(content) - place, 3))
        content += piece
    runs = [(1, min(273, after - 1 - at)) for at in range(0, after - 1, 273)]
    return content + b"." * after, pglz(*items, b".", *runs)
