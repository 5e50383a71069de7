"""Where digests stand in bytes: in hex and base64 of every length, and as they are behind their length; at every offset and to the last byte."""

from __future__ import annotations

import base64
import hashlib

import pytest

from fixtures.corpus import noise
from zdr_audit.canary import digest_search
from zdr_audit.canary.digest_search import digest_pass, known_whole
from zdr_audit.canary.digests import SIZES, DigestBook

TEXT = b"some text"
BOOK = DigestBook(b"k" * 32)
BOOK.add(BOOK.entry("c", "text", TEXT))
SHA256 = hashlib.sha256(TEXT).digest()
SHA512 = hashlib.sha512(TEXT).digest()
NO_LITTLE = 8192
"""Bytes up to which data are little."""
WORDS = b"words of text, and "


def found(data: bytes) -> list[tuple[int, int, tuple[str, ...]]]:
    events = list(digest_pass(BOOK).find(data))
    assert all(needle.sighted[1] == "c" and needle.pattern == b"" for _, _, needle in events)
    return sorted((start, end, needle.sighted[0]) for start, end, needle in events)


SURROUNDINGS = {"little": (b"words ", b" words"), "much": (WORDS * 500, b" " + WORDS * 500)}


@pytest.mark.parametrize("kind", SURROUNDINGS)
@pytest.mark.parametrize("size", range(16, 68))
def test_a_digest_in_base64_has_a_length_that_digests_have_and_one_in_hex_may_be_cut(kind, size):
    before, after = SURROUNDINGS[kind]
    whole = (SHA512 + bytes(range(9)))[:size]
    for name, write in (("hex", bytes.hex), ("base64", lambda data: base64.b64encode(data).decode())):
        text = write(whole).encode()
        data = before + text + after
        length = len(text.rstrip(b"="))
        lengths = range(131) if name == "hex" else {-(-one * 8 // 6) for one in SIZES}
        told = found(data)
        assert bool(told) is (length in lengths), name
        for start, end, forms in told:
            assert (start, end) == (len(before), len(before) + len(text))
            assert forms[-2:] == ("sha512", "text")
            assert forms[0] in (name, "base64url")


@pytest.mark.parametrize("kind", SURROUNDINGS)
@pytest.mark.parametrize("lead", range(18))
def test_digests_stand_at_any_offset_beside_anything_that_is_no_digit(kind, lead):
    before, after = SURROUNDINGS[kind]
    before += b" " * lead
    for text, name, end in (
        (SHA256.hex().encode(), "hex", 64),
        (SHA256.hex().upper().encode(), "hex", 64),
        (base64.b64encode(SHA256), "base64", 44),
        (base64.b64encode(SHA256).rstrip(b"="), "base64", 43),
        (base64.b64encode(SHA512), "base64url" if {*b"-_"} & {*base64.b64encode(SHA512)} else "base64", 88),
    ):
        for left, right in ((b'"', b'"'), (b":", b"\n"), (b"\xff", b"\xff")):
            told = found(before + left + text + right + after)
            assert [(start, stop) for start, stop, forms in told if forms[0] == name] == [(len(before) + 1, len(before) + 1 + end)]
        assert [forms[0] for _, _, forms in found(before + b":" + text)] == [name]  # the end of the data


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_the_alphabet_of_base64_is_that_of_its_signs(kind):
    before, after = SURROUNDINGS[kind]
    book = DigestBook(b"k" * 32)
    text = next(text for text in (b"%d" % number for number in range(99)) if b"+" in base64.b64encode(hashlib.sha256(text).digest()))
    book.add(book.entry("c", "text", text))
    written = base64.b64encode(hashlib.sha256(text).digest())
    for data, name in ((written, "base64"), (written.translate(bytes.maketrans(b"+/", b"-_")), "base64url")):
        ((start, end, needle),) = digest_pass(book).find(before + data + after)
        assert (start, end, needle.sighted[0][0]) == (len(before), len(before) + 44, name)


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_one_or_two_digits_before_the_digest_belong_to_a_word(kind):
    before, after = SURROUNDINGS[kind]
    for digits in (b"a", b"0d", b"dbf"):
        told = found(before + digits + SHA256.hex().encode() + after)
        assert [(start, end) for start, end, _ in told] == (
            [(len(before) + len(digits), len(before) + len(digits) + 64)] if len(digits) < 3 else []
        )
    longest = found(before + b"ab" + SHA512.hex().encode() + after)
    assert [(start, end) for start, end, _ in longest] == [(len(before) + 2, len(before) + 130)]
    assert found(before + b"abc" + SHA512.hex().encode() + after) == []


@pytest.mark.parametrize("size", [NO_LITTLE, NO_LITTLE + 1])
def test_the_same_is_found_in_little_and_in_much(size):
    text = SHA256.hex().encode() + b"." + base64.b64encode(SHA512)
    data = text + b" " + (WORDS * 500)[: size - len(text) - 1]
    assert len(data) == size
    assert [(start, end) for start, end, _ in found(data)] == [(0, 64), (65, 153)]


def test_data_that_are_a_digest_alone_are_one():
    for size in range(7, 65):
        part = SHA512[:size]
        assert (known_whole(BOOK, part) is not None) is (size in SIZES)
        assert [(start, end) for start, end, _ in found(part)] == ([(0, size)] if size in SIZES else [])
    assert known_whole(BOOK, hashlib.sha256(b"other").digest()) is None
    assert list(digest_pass(DigestBook(b"k")).find(SHA256)) == []


@pytest.mark.parametrize("gap", [b"", bytes(3), bytes(3) + b"\x00", bytes(3) + b"\x05", bytes(3) + b"\xff"])
@pytest.mark.parametrize("lead", range(0, 26))
def test_a_digest_behind_its_length_is_found_at_any_offset(gap, lead):
    before = (b"name of a field " * 3)[:lead] if lead else b""
    for digest in (SHA256, SHA512, hashlib.md5(TEXT).digest(), hashlib.sha1(TEXT).digest()):
        data = before + bytes([len(digest)]) + gap + digest + b"more of the record"
        start = lead + 1 + len(gap)
        assert [(at, end) for at, end, _ in found(data)] == [(start, start + len(digest))]
    cut = before + bytes([32]) + gap + SHA256[:8]
    assert [(at, end) for at, end, _ in found(cut)] == [(lead + 1 + len(gap), lead + 1 + len(gap) + 32)]
    assert found(before + bytes([32]) + gap + SHA256[:7]) == []


def test_what_stands_between_a_length_and_its_digest_is_nothing_else():
    for gap in (b"\x01", bytes(2), b"\x00\x01\x00", b"\x01\x00\x00", b"\x00\x00\x01", b"\x00\x00\x01\x05", bytes(5)):
        assert found(b"field " + bytes([32]) + gap + SHA256 + b" more") == []
    for length in (0, 8, 15, 17, 31, 33, 65):
        assert found(b"field " + bytes([length]) + SHA256 + b" more") == []
    assert [end - start for start, end, _ in found(b"field " + bytes([24]) + SHA256 + b" more")] == [24]


def test_text_alone_holds_no_digest_as_it_is():
    ascii_ = next(text for text in (b"%d" % number for number in range(200_000)) if hashlib.md5(text).digest()[:8].isascii())
    book = DigestBook(b"k" * 32)
    book.add(book.entry("c", "text", ascii_))
    digest = hashlib.md5(ascii_).digest()
    assert list(digest_pass(book).find(b"field \x10" + digest[:8] + b"and more text")) == []


BLOCK = 32 * 1024


@pytest.mark.parametrize("at", [0, 9000, BLOCK - 34, BLOCK - 9, BLOCK - 2, BLOCK - 1, BLOCK, BLOCK + 7, 2 * BLOCK - 1, 2 * BLOCK + 50])
@pytest.mark.parametrize("gap", [b"", bytes(3) + b"\x05"])
def test_no_border_of_blocks_hides_a_digest(at, gap):
    record = bytes([32]) + gap + SHA256
    rows = (b"\x01row\xff\x00\x00\x00" * 9000)[: 2 * BLOCK + 500]
    data = rows[:at] + record + rows[at:]
    assert [(start, end) for start, end, _ in found(data)] == [(at + 1 + len(gap), at + 33 + len(gap))]


@pytest.mark.parametrize("gap", [b"", bytes(3), bytes(3) + b"\x05"])
def test_a_digest_whose_length_is_the_last_byte_that_is_looked_at_is_found(gap):
    rows, random = (b"\x01row\xff\x00\x00\x00" * 5000)[: BLOCK - 1], noise(2 * BLOCK, b"random")
    data = rows + bytes([32]) + gap + SHA256 + random
    assert digest_search._worth_looking(data) == [(0, BLOCK)]
    assert [start for start, _, _ in found(data)] == [BLOCK + len(gap)]


@pytest.mark.parametrize("kind", SURROUNDINGS)
def test_every_letter_of_base64_may_begin_a_digest(kind):
    before, after = SURROUNDINGS[kind]
    book = DigestBook(b"k" * 32)
    texts = [b"%d" % number for number in range(120)]
    for text in texts:
        book.add(book.entry("c", "text", text))
    written = [base64.b64encode(hashlib.sha256(text).digest()) for text in texts]
    assert len({code for one in written for code in one[:4]}) == 64
    data = before + b" ".join(written) + after
    assert sorted(start for start, _, _ in digest_pass(book).find(data)) == [len(before) + 45 * at for at in range(120)]


def test_compressed_data_are_not_looked_at_and_what_has_structure_is():
    random, rows = noise(3 * BLOCK, b"random"), b"\x01row\xff\x00\x00\x00" * (BLOCK // 8)
    text = WORDS * (BLOCK // len(WORDS) + 1)
    assert digest_search._worth_looking(random) == []
    assert digest_search._worth_looking(rows) == [(0, BLOCK)]
    assert digest_search._worth_looking(rows * 2) == [(0, 2 * BLOCK)]
    assert digest_search._worth_looking(rows + random[:BLOCK] + rows) == [(0, BLOCK), (2 * BLOCK, 3 * BLOCK)]
    assert digest_search._worth_looking(text[:BLOCK] + rows) == [(BLOCK, 2 * BLOCK)]
    assert digest_search._worth_looking(random[:100]) == [(0, 100)]  # of so little nothing can be said
    assert digest_search._worth_looking(rows[:-1]) == [(0, BLOCK - 1)]
    assert digest_search._worth_looking(rows + rows[:1000]) == [(0, BLOCK + 1000)]


@pytest.mark.parametrize(("often", "frequent"), [(11, False), (12, True), (13, True)])
def test_a_byte_that_is_met_twelve_times_in_512_is_frequent(often, frequent):
    sample = bytearray(at % 256 for at in range(512))
    for place in range(often - 2):
        sample[3 + place] = 0
    sample[256] = 0
    sample[0] = 0
    block = bytearray(b"\xaa" * BLOCK)
    block[:: BLOCK // 512] = sample
    assert sample.count(0) == often
    assert digest_search._structured(bytes(block)) == [frequent]
    assert digest_search._structured(bytes(block) * 3) == [frequent] * 3
    assert digest_search._structured(bytes(block) + bytes(BLOCK)) == [frequent, True]
    assert digest_search._structured(bytes(BLOCK) + bytes(block) + b"x") == [True, frequent, True]


@pytest.mark.parametrize("cut", range(5))
def test_a_block_of_text_may_cut_a_character_at_either_end(cut):
    text = "é漢😀 and so on, ".encode() * 3000
    for lead in range(12):
        block = text[lead + cut : lead + cut + BLOCK]
        assert digest_search._is_text(block)
    assert not digest_search._is_text(text[: BLOCK - 1])
    assert not digest_search._is_text(text[:100] + b"\xff" + text[101 : BLOCK + 1])
    assert not digest_search._is_text(b"\x80" * 5 + text[: BLOCK - 5])
    assert digest_search._is_text(b"\x80" * 3 + b"a" * (BLOCK - 3))
    assert digest_search._is_text(b"a" * (BLOCK - 3) + "😀".encode()[:3])


def test_every_length_in_much_binary_data_is_looked_at():
    rows = bytearray(b"\x01row\xff\x00\x00\x00" * 2000)
    places = [100, 1007, 5001, 9002, 15_000]
    for at in places:
        rows[at : at + 33] = bytes([32]) + SHA256
    assert [start for start, _, _ in found(bytes(rows))] == [at + 1 for at in places]
    assert [forms for _, _, forms in found(bytes(rows))] == [("sha256", "text")] * 5


STRUCTURED = b"\xff\xfe\x00\x00\x07\x01" * 6000
TEXTUAL = b"words of text, " * 3000
NOISY = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(1024))
_BLOCK = 32 * 1024


@pytest.mark.parametrize(
    ("blocks", "ranges"),
    [
        ("s", [(0, 1)]),
        ("t", []),
        ("n", []),
        ("sstss", [(0, 2), (3, 5)]),
        ("tstss", [(1, 2), (3, 5)]),
        ("stsntsss", [(0, 1), (2, 3), (5, 8)]),
        ("nnsnn", [(2, 3)]),
    ],
)
def test_digests_as_they_are_are_looked_for_in_blocks_with_a_structure_that_are_no_text(blocks, ranges):
    data = b"".join({"s": STRUCTURED, "t": TEXTUAL, "n": NOISY}[kind][:_BLOCK] for kind in blocks)
    assert digest_search._worth_looking(data) == [(low * _BLOCK, high * _BLOCK) for low, high in ranges]


@pytest.mark.parametrize(("size", "structured"), [(100, False), (_BLOCK - 1, True)])
def test_a_last_block_is_told_by_as_many_bytes_before_the_end(size, structured):
    assert digest_search._worth_looking(STRUCTURED[:size]) == [(0, size)]
    assert digest_search._worth_looking(NOISY[:size]) == [(0, size)]  # too little to say
    assert digest_search._worth_looking(NOISY[:_BLOCK] + STRUCTURED[:size]) == ([(_BLOCK, _BLOCK + size)] if structured else [])
    assert digest_search._worth_looking(STRUCTURED[:_BLOCK] + NOISY[:size]) == [(0, _BLOCK + (0 if structured else size))]


def test_digits_behind_a_digest_that_make_it_longer_than_any_hide_it():
    for filling in (b"", WORDS * 600):
        for size, told in ((0, True), (1, True), (2, True), (3, False), (40, False)):
            data = filling + b' "' + SHA512.hex().encode() + b"a" * size + b'" ' + filling
            assert bool(found(data)) is told, (len(filling), size)


def test_digits_that_are_fewer_than_a_digest_has_are_none():
    for size in range(1, 24):
        for sign in (b".", b"g", b"_"):
            data = b"x" + sign + SHA256.hex().encode()[:size] + sign + b" and more of it"
            assert bool(found(data)) is (size >= 16), (size, sign)
            assert found(WORDS * 600 + data) == [
                (start + len(WORDS) * 600, end + len(WORDS) * 600, forms) for start, end, forms in found(data)
            ]
