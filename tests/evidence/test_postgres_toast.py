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
    assert decompressed(8, pglz(b"abcdefgh"), whole=True) is None  # or to more
    assert decompressed(300 * len(data), data, whole=False) is not None
    assert decompressed(300 * len(data) + 1, data, whole=False) is None


MOST = 64 << 20


@pytest.mark.parametrize("method", ["pglz", "lz4"])
def test_a_value_of_64_mib_is_decompressed_and_a_larger_one_is_not(method):
    for size, given in ((MOST, True), (MOST + 1, False)):
        if method == "lz4":
            more, last = divmod(size - 1 - 4 - 15, 255)
            info, data = 1 << 30 | size, b"\x1fa\x01\x00" + b"\xff" * more + bytes([last])
        else:  # whose copies are of 273 bytes at the most
            info, data = size, b"\x00" + b"a" * 8 + (b"\xff" + b"\x0f\x01\xff" * 8) * (size // 273 // 8)
        assert (decompressed(info, data, whole=False) is not None) is given


def test_what_follows_a_value_in_its_data_makes_it_none():
    stored = b"\x4fabcd\x04\x00\x05"  # four bytes, and 24 copied of them
    assert decompressed(1 << 30 | 28, stored, whole=True) == (b"abcd" * 7, "lz4")
    assert decompressed(1 << 30 | 28, stored + b"\x10", whole=True) == (b"abcd" * 7, "lz4")
    for more in (b"\x10z", b"\x00\x04\x00", b"\x00\x04\x00\xf0"):
        assert decompressed(1 << 30 | 28, stored + more, whole=False) is None
        assert decompressed(1 << 30 | 28, stored + more, whole=True) is None


def test_an_lz4_copy_reaches_back_as_far_as_two_bytes_can_say():
    far = NOISE + NOISE[:1000]
    begun = b"\xff" + b"\xff" * (3985 // 255) + bytes([3985 % 255]) + far
    for offset in (1, 255, 256, 257, 3999, 4000):
        copied = (far[len(far) - offset :] * 79)[:79]
        data = begun + offset.to_bytes(2, "little") + bytes([60])
        assert decompressed(1 << 30 | 4079, data, whole=True) == (far + copied, "lz4")
    assert decompressed(1 << 30 | 4079, begun + (4001).to_bytes(2, "little") + bytes([60]), whole=True) is None


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


def test_a_compressed_value_within_a_row_that_holds_less_than_it_announces_is_none():
    stored = inline(TEXT)
    for more, count in ((0, 1), (1, 0)):
        told = stored[:4] + struct.pack("<I", 1 << 30 | len(TEXT) + more) + stored[8:]
        assert len(list(inline_values(told))) == count


def test_a_compressed_value_may_end_with_its_page_and_not_after_it():
    stored = inline(TEXT)
    block = len(stored) + 10
    for before, count in ((0, 1), (9, 1), (10, 1), (11, 0), (block + 10, 1), (block + 11, 0)):
        data = b"\xff" * before + stored + b"\xff" * 200
        assert len(list(inline_values(data, block))) == count, before
        assert len(list(inline_values(data))) == 1


@pytest.mark.parametrize("literals", range(16, 80))
def test_a_compressed_value_is_found_whatever_its_size(literals):
    """The lowest byte of the header is another for each."""
    stored = NOISE[:literals]
    size = literals + 5 + 30
    data = bytes([0xF0 | 15, literals - 15]) + stored + literals.to_bytes(2, "little") + bytes([30 - 4 - 15]) + b"\x50" + b"12345"
    text = stored + (stored * 2)[:30] + b"12345"
    value = struct.pack("<II", len(data) + 8 << 2 | 2, 1 << 30 | size) + data
    assert [(found.start, found.data) for found in inline_values(b"\xff" + value)] == [(1, text)]
    for kind in (0, 1, 3):
        other = struct.pack("<II", len(data) + 8 << 2 | kind, 1 << 30 | size) + data
        assert not [found for found in inline_values(b"\xff" + other) if found.start == 1]


def test_a_value_is_found_behind_what_only_looks_like_the_beginning_of_one():
    stored = inline(TEXT)
    too_long = struct.pack("<II", 0x7FFE, 1 << 30 | 40_000)
    nonsense = struct.pack("<II", 20 << 2 | 2, 1 << 30 | 5)
    assert [found.start for found in inline_values(too_long + nonsense + stored)] == [16]
    assert [found.start for found in inline_values(too_long + nonsense + stored, 8192)] == [16]


def test_a_value_of_nothing_but_its_header_is_none():
    assert list(inline_values(struct.pack("<II", 8 << 2 | 2, 100) + b"\x00" * 50)) == []


def row(
    number: int,
    sequence: int,
    data: bytes,
    *,
    xmax: int = 0,
    mask: int = 0x0900,
    short: bool = False,
    begin: int = 24,
    sort: int = 1,
    after: bytes = b"",
) -> tuple[bytes, int]:
    """A chunk as a row of a TOAST table, and what kind its line pointer says it is."""
    head = struct.pack("<II", 700, xmax) + b"\xff" * 12 + struct.pack("<HB", mask, begin) + b"\xff" * (begin - 23)
    length = bytes([len(data) + 1 << 1 | 1]) if short else struct.pack("<I", len(data) + 4 << 2)
    return head + struct.pack("<Ii", number, sequence) + length + data + after, sort


def page(*rows: tuple[bytes, int]) -> bytes:
    """A page: 24 bytes of header, the line pointers, and the rows from its end."""
    pointers, content, at = b"", b"", BLOCK
    for text, sort in rows:
        at -= len(text) + (-len(text) % 8)
        content = text + bytes(-len(text) % 8) + content
        pointers += struct.pack("<I", at | sort << 15 | len(text) << 17)
    head = b"\x11" * 12 + struct.pack("<HHHH", 24 + len(pointers), at, BLOCK, BLOCK | 4) + b"\xff" * 4
    return (head + pointers).ljust(at, b"\x00") + content


def values(*pages: bytes, first: int = 0) -> list[tuple[int, int, bytes, str]]:
    toast = Toast(BLOCK)
    return [*toast.feed(first, b"".join(pages)), *toast.finish()]


def test_the_chunks_of_a_value_are_put_together_in_their_order_over_pages():
    pages = [page(row(7, 1, b"second "), row(8, 0, b"other")), page(row(7, 2, b"third", begin=32), row(7, 0, b"first ", short=True))]
    start = BLOCK - len(row(7, 1, b"second ")[0]) - 1
    assert values(*pages) == [(7, start - start % 8, b"first second third", ""), (8, values(*pages)[1][1], b"other", "")]
    assert [value[1] for value in values(*pages, first=BLOCK * 10)] == [value[1] + BLOCK * 10 for value in values(*pages)]
    for first in (0, 1, 3):
        found = values(pages[0], page(row(9, 0, b"in the second page")), first=first * BLOCK)
        assert [value[1] // BLOCK for value in found] == [first, first, first + 1]


def test_a_missing_chunk_breaks_a_value_in_two():
    assert [content for _, _, content, _ in values(page(*(row(7, at, b"%d," % at) for at in (0, 1, 3, 4))))] == [b"0,1,", b"3,4,"]


@pytest.mark.parametrize("short", [False, True])
def test_a_chunk_is_as_long_as_its_own_length_says(short):
    chunk = row(7, 0, b"text", short=short, after=b"not of it")
    assert [content for _, _, content, _ in values(page(chunk, row(8, 0, b"x" * 117, short=short)))] == [b"text", b"x" * 117]
    assert values(page(row(7, 0, b"", short=short, after=b"not of it"))) == []


def test_chunks_of_every_length_are_read():
    for size in (1, 2, 3, 4, 126, 127, 128, 1996, 5000):
        assert [content for _, _, content, _ in values(page(row(7, 0, b"x" * size)))] == [b"x" * size]


@pytest.mark.parametrize(("size", "count"), [(22, 0), (31, 0), (32, 1)])
def test_what_is_shorter_than_a_row_can_be_is_none(size, count):
    text = bytes(12) + struct.pack("<IiBBB", 9, 0, 5 << 1 | 1, 0x09, 12) + b"datadatadata"  # what is in its header is its content too
    assert len(values(page((text[:size], 1), row(8, 0, b"here")))) == count + 1


def test_a_row_that_would_reach_beyond_its_page_is_none():
    whole = page(row(8, 0, b"here"), row(9, 0, b"there"))
    for place, more, found in ((24, 0, [8, 9]), (24, 1, [9]), (28, 47, [8, 9]), (28, 48, [8])):
        pointer = struct.unpack_from("<I", whole, place)[0] + (more << 17)
        assert sorted(value[0] for value in values(whole[:place] + struct.pack("<I", pointer) + whole[place + 4 :])) == found, place


def test_only_as_many_places_as_the_page_says_are_rows():
    whole = page(row(8, 0, b"here"), row(9, 0, b"there"), row(10, 0, b"elsewhere"))
    for count in range(4):
        told = whole[:12] + struct.pack("<H", 24 + 4 * count) + whole[14:]
        assert [value[0] for value in values(told)] == [8, 9, 10][:count]


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


@pytest.mark.parametrize(
    ("xmax", "mask", "live"),
    [
        (800, 0xFFFF, True),
        (800, 0x0900, True),
        (800, 0xFFFF ^ 0x0800, False),
        (0, 0xFFFF ^ 0x0100, False),
        (0, 0x0100, True),
        (0xFF, 0x0100, False),
        (0xFF000000, 0x0100, False),
    ],
)
def test_whether_a_chunk_is_live_is_told_by_who_deleted_it_and_by_two_bits(xmax, mask, live):
    stored = struct.pack("<I", 1 << 30 | 210) + lz4.block.compress(b"prompt " * 30, store_size=False)
    assert len(values(page(row(7, 0, stored, xmax=xmax, mask=mask)))) == (1 if live else 2)


def test_of_a_deleted_value_whose_chunks_are_not_all_left_the_beginning_is_decompressed():
    text = b"begin " * 40 + NOISE[:1000]
    stored = struct.pack("<I", 1 << 30 | len(text)) + lz4.block.compress(text, store_size=False)
    pieces = [stored[at : at + 300] for at in range(0, len(stored), 300)]
    chunks = [row(7, at, piece, xmax=800, mask=0x0100) for at, piece in enumerate(pieces)]
    assert values(page(*chunks))[-1][2:] == (text, "lz4")
    for left in (chunks[:-1], [chunks[0], *chunks[2:]]):
        *_, (number, _start, content, method) = values(page(*left))
        assert (number, method, text.startswith(content), len(content) > 100) == (7, "lz4", True, True)


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


def test_as_much_as_64_mib_waits_and_not_a_byte_more():
    size = 32_000
    whole, rest = divmod(MOST, size)

    def large(number: int, length: int) -> bytes:
        text, _ = row(number, 0, b"x" * length)
        at = 32_768 - len(text)
        return (bytes(12) + struct.pack("<H", 28) + bytes(10) + struct.pack("<I", at | 1 << 15 | len(text) << 17)).ljust(at, b"\x00") + text

    toast = Toast(32_768)
    pages = b"".join(large(number, size) for number in range(whole))
    assert list(toast.feed(0, pages)) == []
    assert list(toast.feed(len(pages), large(whole, rest))) == []
    given = list(toast.feed(len(pages) + 32_768, large(whole + 1, 1)))
    assert [(number, len(content)) for number, _, content, _ in given] == [(0, size)]
    again = list(toast.feed(len(pages) + 65_536, large(whole + 2, size - 1) + large(whole + 3, 1)))
    assert [number for number, *_ in again] == [1]


def test_pages_that_are_cut_off_or_empty_hold_no_chunks():
    whole = page(row(7, 0, b"text"))
    assert values(whole[:23]) == values(bytes(BLOCK)) == values(b"") == []
    assert values(whole[:-8]) == []
    assert values(whole[:12] + b"\xff\xff" + whole[14:])[0][2] == b"text"
