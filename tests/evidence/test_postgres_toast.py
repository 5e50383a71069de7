"""How PostgreSQL stores what is long, in pages that are made here: no server would make the odd ones."""

from __future__ import annotations

import random
import struct

import lz4.block
import pytest
from pglz_writer import pglz

from zdr_audit.evidence import postgres_toast
from zdr_audit.evidence.postgres_toast import Toast, decompressed, inline_values

BLOCK = 8192
TEXT = b"".join(b"line %d of a text that repeats itself, " % (number % 7) for number in range(60))


NOISE = random.Random(1).randbytes(3000)
PGLZ = {
    "the shortest copy": ((b"abc", (3, 3)), b"abcabc"),
    "one byte over and over": ((b"a", (1, 17)), b"a" * 18),
    "a length of its own byte": ((b"ab", (2, 18)), b"ab" * 10),
    "the longest copy": ((b"ab", (2, 273)), b"ab" * 137 + b"a"),
    "an offset of twelve bits": ((NOISE, (2748, 200)), NOISE + NOISE[252:452]),
    "several groups": ((b"abcdefgh", (8, 8), b"xyz", (5, 5), b"-" * 9, (1, 40)), b"abcdefgh" * 2 + b"xyz" + b"ghxyz" + b"-" * 49),
}


@pytest.mark.parametrize(("items", "text"), PGLZ.values(), ids=PGLZ)
def test_pglz_values_are_decompressed(items, text):
    data = pglz(*items)
    stored = data if len(data) < len(text) else None
    if stored is None:  # short ones are stored as they are
        items, text = (*items, (1, 200)), text + text[-1:] * 200
        stored = pglz(*items)
    assert decompressed(len(text), stored, whole=True) == (text, "pglz")
    assert decompressed(len(text) - 1, stored, whole=True) == (text[:-1], "pglz")  # the last copy may reach further than the value
    assert decompressed(len(text) + 1, stored, whole=True) is None
    assert decompressed(len(text) + 1, stored, whole=False) == (text, "pglz")
    assert decompressed(len(text), stored + b"\x00", whole=True) is None
    assert decompressed(len(text), stored + b"\x00", whole=False) is None


@pytest.mark.parametrize("items", [((1, 30),), (b"ab", (3, 30)), (b"ab", (0, 30))], ids=["nothing yet", "one too far", "no offset"])
def test_a_copy_of_what_is_not_there_is_no_value(items):
    length = sum(len(item) if isinstance(item, bytes) else item[1] for item in items)
    assert decompressed(length, pglz(*items), whole=True) is None


@pytest.mark.parametrize(
    "text", [TEXT, b"a" * 1000, NOISE[:300] + b"=" * 700, NOISE + NOISE], ids=["text", "run", "long literal", "far copy"]
)
def test_lz4_values_are_decompressed_whole_and_as_far_as_they_go(text):
    data = lz4.block.compress(text, store_size=False, mode="high_compression")
    assert decompressed(1 << 30 | len(text), data, whole=True) == (text, "lz4")
    for cut in range(1, min(40, len(data) - 1)):
        part = decompressed(1 << 30 | len(text), data[:-cut], whole=False)
        assert part is None or text.startswith(part[0])
        assert decompressed(1 << 30 | len(text), data[:-cut], whole=True) is None
    assert decompressed(1 << 30 | len(text), data[:-3], whole=False) is not None


def test_an_lz4_copy_of_what_is_not_there_is_no_value():
    begun = b"\x4fabcd"
    assert decompressed(1 << 30 | 28, begun + b"\x04\x00\x05" + b"\x00", whole=True) == (b"abcd" * 7, "lz4")
    for offset in (0, 5):
        assert decompressed(1 << 30 | 28, begun + bytes([offset, 0, 5, 0]), whole=True) is None
    assert decompressed(1 << 30 | 27, begun + b"\x04\x00\x05" + b"\x00", whole=False) is None  # more than the value


@pytest.mark.parametrize("method", [2, 3])
def test_methods_that_nobody_knows_and_sizes_that_cannot_be_are_no_values(method):
    data = pglz(b"ab", (2, 100))
    assert decompressed(102, data, whole=True) == (b"ab" * 51, "pglz")
    assert decompressed(method << 30 | 102, data, whole=True) is None
    assert decompressed(len(data), data, whole=False) is None  # nothing is compressed to its own size
    assert decompressed(300 * len(data), data, whole=False) is not None
    assert decompressed(300 * len(data) + 1, data, whole=False) is None


def inline(text: bytes) -> bytes:
    data = lz4.block.compress(text, store_size=False)
    return struct.pack("<II", len(data) + 8 << 2 | 2, 1 << 30 | len(text)) + data


def test_a_compressed_value_within_a_row_is_found_with_its_bytes():
    stored = inline(TEXT)
    for before in (0, 1, 100):
        page = b"\xff" * before + stored + b"\xff" * 5
        (found,) = inline_values(page)
        assert (found.start, found.end, found.data, found.method) == (before, before + len(stored), TEXT, "lz4")
    assert [value.data for value in inline_values(stored)] == [TEXT]
    assert list(inline_values(stored[:-1])) == []
    assert [value.start for value in inline_values(stored * 3)] == [0, len(stored), 2 * len(stored)]


def test_a_compressed_value_may_end_with_its_page_and_not_after_it():
    stored = inline(TEXT)
    block = len(stored) + 10
    for before, count in ((0, 1), (9, 1), (10, 1), (11, 0), (block + 10, 1), (block + 11, 0)):
        data = b"\xff" * before + stored + b"\xff" * 200
        assert len(list(inline_values(data, block))) == count, before
        assert len(list(inline_values(data))) == 1


def test_a_value_of_nothing_but_its_header_is_none():
    assert list(inline_values(struct.pack("<II", 8 << 2 | 2, 100) + b"\x00" * 50)) == []


def row(
    number: int, sequence: int, data: bytes, *, xmax: int = 0, mask: int = 0x0900, short: bool = False, begin: int = 24, sort: int = 1
) -> tuple[bytes, int]:
    """A chunk as a row of a TOAST table, and what kind its line pointer says it is."""
    head = struct.pack("<II", 700, xmax) + bytes(12) + struct.pack("<HB", mask, begin) + bytes(begin - 23)
    length = bytes([len(data) + 1 << 1 | 1]) if short else struct.pack("<I", len(data) + 4 << 2)
    return head + struct.pack("<Ii", number, sequence) + length + data, sort


def page(*rows: tuple[bytes, int]) -> bytes:
    """A page: 24 bytes of header, the line pointers, and the rows from its end."""
    pointers, content, at = b"", b"", BLOCK
    for text, sort in rows:
        at -= len(text) + (-len(text) % 8)
        content = text + bytes(-len(text) % 8) + content
        pointers += struct.pack("<I", at | sort << 15 | len(text) << 17)
    head = bytes(12) + struct.pack("<HHHH", 24 + len(pointers), at, BLOCK, BLOCK | 4) + bytes(4)
    return (head + pointers).ljust(at, b"\x00") + content


def values(*pages: bytes, first: int = 0) -> list[tuple[int, int, bytes, str]]:
    toast = Toast(BLOCK)
    return [*toast.feed(first, b"".join(pages)), *toast.finish()]


def test_the_chunks_of_a_value_are_put_together_in_their_order_over_pages():
    pages = [page(row(7, 1, b"second "), row(8, 0, b"other")), page(row(7, 2, b"third", begin=32), row(7, 0, b"first ", short=True))]
    start = BLOCK - len(row(7, 1, b"second ")[0]) - 1
    assert values(*pages) == [(7, start - start % 8, b"first second third", ""), (8, values(*pages)[1][1], b"other", "")]
    assert [value[1] for value in values(*pages, first=BLOCK * 10)] == [value[1] + BLOCK * 10 for value in values(*pages)]
    assert [value[1] // BLOCK for value in values(pages[0], page(row(9, 0, b"in the second page")))] == [0, 0, 1]


def test_a_missing_chunk_breaks_a_value_in_two():
    assert [content for _, _, content, _ in values(page(*(row(7, at, b"%d," % at) for at in (0, 1, 3, 4))))] == [b"0,1,", b"3,4,"]


def test_of_a_chunk_that_is_stored_twice_the_first_is_taken():
    assert [content for _, _, content, _ in values(page(row(7, 0, b"one"), row(7, 0, b"two")))] == [b"one"]


@pytest.mark.parametrize("short", [False, True])
def test_a_deleted_value_is_decompressed_and_a_live_one_is_not(short):
    data = lz4.block.compress(b"prompt " * 30, store_size=False)
    stored = struct.pack("<I", 1 << 30 | 210) + data
    deleted = [
        row(7, 0, stored, xmax=800, mask=0x0100, short=short),
        row(7, 0, stored, mask=0, short=short),  # whoever inserted it may never have committed
        row(7, 0, stored, xmax=800, mask=0x0900 ^ 0x0100, short=short),
    ]
    for chunk in deleted:
        assert [found[2:] for found in values(page(chunk))] == [(stored, ""), (b"prompt " * 30, "lz4")]
    for chunk in (row(7, 0, stored, short=short), row(7, 0, stored, mask=0x0100, short=short), row(7, 0, stored, xmax=800, short=short)):
        assert [found[2:] for found in values(page(chunk))] == [(stored, "")]


def test_a_value_whose_beginning_is_gone_is_not_decompressed():
    data = struct.pack("<I", 1 << 30 | 210) + lz4.block.compress(b"prompt " * 30, store_size=False)
    assert [found[3] for found in values(page(row(7, 1, data, xmax=800, mask=0x0100)))] == [""]


@pytest.mark.parametrize("sort", [0, 2, 3])
def test_places_that_are_unused_redirected_or_dead_are_no_rows(sort):
    assert values(page(row(7, 0, b"gone", sort=sort), row(8, 0, b"here"))) == values(
        page(row(7, 0, b"gone", sort=sort), row(8, 0, b"here"))
    )
    assert [found[0] for found in values(page(row(7, 0, b"gone", sort=sort), row(8, 0, b"here")))] == [8]


@pytest.mark.parametrize("sequence", [-1, 1 << 20])
def test_numbers_that_no_chunk_has_are_no_chunks(sequence):
    assert values(page(row(7, sequence, b"text"))) == []
    assert len(values(page(row(7, (1 << 20) - 1, b"text")))) == 1


def test_what_waits_is_bounded_and_the_value_begun_first_is_given_first(monkeypatch):
    monkeypatch.setattr(postgres_toast, "_HELD", 2500)
    toast = Toast(BLOCK)
    given = [list(toast.feed(BLOCK * at, page(row(at, 0, b"%d" % at * 1000)))) for at in range(1, 6)]
    assert [[value[0] for value in found] for found in given] == [[], [], [1], [2], [3]]
    assert [value[0] for value in toast.finish()] == [4, 5]
    assert list(toast.finish()) == []


def test_pages_that_are_cut_off_or_empty_hold_no_chunks():
    whole = page(row(7, 0, b"text"))
    assert values(whole[:23]) == values(bytes(BLOCK)) == values(b"") == []
    assert values(whole[:-8]) == []
    assert values(whole[:12] + b"\xff\xff" + whole[14:])[0][2] == b"text"
