"""SQLite files written page by page, for what SQLite itself would not leave behind on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SIZE = 512
TRUNK = 2
"""The page that lists the free ones; those of a test begin behind it."""


def database(pages: Mapping[int, bytes], free: Sequence[int] = (), size: int = SIZE, reserved: int = 0) -> bytes:
    """A database of these pages. The first has no tables."""
    header = b"SQLite format 3\x00" + (1 if size == 65536 else size).to_bytes(2) + bytes([1, 1, reserved]) + bytes(11) + TRUNK.to_bytes(4)
    trunk = bytes(4) + len(free).to_bytes(4) + b"".join(number.to_bytes(4) for number in free)
    written = {1: header.ljust(100, b"\x00") + b"\x0d", TRUNK: trunk, **pages}
    return b"".join(written.get(number, b"").ljust(size, b"\x00") for number in range(1, max(written) + 1))


def leaf(content: Mapping[int, bytes], cells: Sequence[int] = (), size: int = SIZE, kind: int = 13) -> bytes:
    """A page of a b-tree (13: the leaf of a table): what is written at which byte, and where its live cells begin; the rest is free room."""
    page = bytearray(size)
    page[:8] = bytes([kind]) + (400).to_bytes(2) + len(cells).to_bytes(2) + (320).to_bytes(2) + bytes(1)
    pointers = 12 if kind in (2, 5) else 8
    page[pointers : pointers + 2 * len(cells)] = b"".join(at.to_bytes(2) for at in cells)
    for at, written in content.items():
        page[at : at + len(written)] = written
    assert len(page) == size
    return bytes(page)


def overflow(following: int, content: bytes, size: int = SIZE) -> bytes:
    """A page of an overflow chain."""
    assert len(content) <= size - 4
    return following.to_bytes(4) + content.ljust(size - 4, b"\x00")


SALTS = bytes(range(1, 9))
PAGES = 99
"""How many pages a database has after a transaction: what makes its last frame the last."""


def frame(page: int, content: bytes, commit: int = 0, salts: bytes = SALTS) -> bytes:
    return page.to_bytes(4) + commit.to_bytes(4) + salts + bytes(8) + content


def log_header(size: int = SIZE, magic: int = 0x377F0682) -> bytes:
    return magic.to_bytes(4) + bytes(4) + size.to_bytes(4) + bytes(4) + SALTS + bytes(8)


def log(frames: Sequence[tuple[int, bytes]], size: int = SIZE) -> bytes:
    """A write-ahead log of one transaction: page numbers and contents."""
    last = len(frames) - 1
    return log_header(size) + b"".join(frame(page, content, PAGES if at == last else 0) for at, (page, content) in enumerate(frames))
