"""Token ids in each way to write numbers, made here number by number for a tokenizer of one letter to a token."""

from __future__ import annotations

import itertools
import json
import struct
from dataclasses import dataclass

import pytest
from varints import varint

from zdr_audit.canary import tokens
from zdr_audit.canary.tokens import literal_runs, token_needles

LITERAL = "zqx482j913"
CANARY = f"{LITERAL}4k5m6p7r8s9t{LITERAL}"
TEXT = f"note {CANARY} and"


@dataclass
class Letters:
    """A token for each `size` characters; its number is `first` and the code of the letters. What stands at the end may be shorter."""

    size: int = 1
    first: int = 1000

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        places = range(0, len(text), self.size)
        return [(self._number(text[at : at + self.size]), at, min(at + self.size, len(text))) for at in places]

    def _number(self, piece: str) -> int:
        return self.first + int.from_bytes(piece.encode())

    def text(self, token: int) -> bytes:
        code = token - self.first
        piece = code.to_bytes(8).lstrip(b"\x00") if 0 < code < 1 << 56 else b""
        return piece if piece.isascii() and piece.decode().isprintable() else b""


def ids(tokenizer: Letters, text: str = TEXT) -> list[int]:
    return [token for token, _, _ in tokenizer.pieces(text)]


WRITINGS = {
    "list": lambda numbers: json.dumps(numbers).encode(),
    "compact": lambda numbers: json.dumps(numbers, separators=(",", ":")).encode(),
    "blanks": lambda numbers: b"<" + b" ".join(b"%d" % number for number in numbers) + b">",
    "two bytes": lambda numbers: struct.pack(f"<{len(numbers)}H", *numbers),
    "four bytes": lambda numbers: struct.pack(f"<{len(numbers)}I", *numbers),
    "eight bytes": lambda numbers: struct.pack(f"<{len(numbers)}Q", *numbers),
    "four bytes, big-endian": lambda numbers: struct.pack(f">{len(numbers)}I", *numbers),
    "varints": lambda numbers: b"".join(map(varint, numbers)),
}
WIDTHS = {"two bytes": 2, "four bytes": 4, "eight bytes": 8, "four bytes, big-endian": 4}


def read(data: bytes, tokenizer: Letters) -> list[tuple[bytes, int, int]]:
    """What is read around each place where a pattern stands, with the place of the canary."""
    found = []
    for needle in token_needles(LITERAL, tokenizer):
        at = data.find(needle.pattern)
        if at < 0:
            continue
        text = needle.form.decode(data, at, needle.phase)
        if text is not None and CANARY.encode() in text.data:
            assert text.name == "token-ids"
            first = text.data.index(CANARY.encode())
            found.append((text.data, *text.locate(first, first + len(CANARY))))
    return found


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("first", [1000, 0x3FF0, 200])
@pytest.mark.parametrize("lead", [0, 8])
def test_numbers_are_read_back_to_their_text_and_place(writing, first, lead):
    tokenizer = Letters(first=first)
    write = WRITINGS[writing]
    numbers = ids(tokenizer)
    data = b"\x01" * lead + write(numbers)
    before = numbers[:5]
    found = read(data, tokenizer)
    assert found
    at, size = len("note "), len(CANARY)
    for text, start, end in found:
        assert TEXT[1:-1].encode() in text
        if writing in WIDTHS:
            assert (start, end) == (lead + at * WIDTHS[writing], lead + (at + size) * WIDTHS[writing])
        elif writing == "varints":
            assert (start, end) == (lead + len(write(before)), lead + len(write(numbers[: at + size])))
        else:
            told = data[start:end].decode().replace(",", " ").split()
            assert [int(word) for word in told] == numbers[at : at + size]


def test_a_list_is_read_from_its_first_number_that_the_window_does_not_cut():
    tokenizer = Letters()
    (needle, *_) = token_needles(LITERAL, tokenizer)
    data = json.dumps(ids(tokenizer)).encode()[1:-1]
    at = data.index(needle.pattern)
    assert needle.form.decode(data, at, 0).data == TEXT[1:].encode()  # the window may begin within the first
    assert needle.form.decode(b"[" + data, at + 1, 0).data == TEXT.encode()
    assert needle.form.decode(b"x" + data + b"]", at + 1, 0).data == TEXT.encode()
    alone = data[at:]
    assert needle.form.decode(alone, 0, 0).data == TEXT[TEXT.index(LITERAL) :].encode()
    assert needle.form.decode(b"12, 13] [" + data, at + 9, 0).data == TEXT.encode()


def test_numbers_longer_than_any_token_stand_for_nothing():
    tokenizer = Letters()
    numbers = ids(tokenizer)
    data = json.dumps([numbers[0], 10**40, *numbers]).encode()
    assert [text for text, _, _ in read(data, tokenizer)] == [b"n" + TEXT.encode()]


@pytest.mark.parametrize("offset", range(8))
@pytest.mark.parametrize("writing", ["two bytes", "four bytes", "eight bytes", "four bytes, big-endian"])
def test_an_array_is_read_at_whatever_offset_it_stands(writing, offset):
    tokenizer = Letters()
    data = b"\xff" * offset + WRITINGS[writing](ids(tokenizer)) + b"\xff\xff\xff"
    for text, start, end in read(data, tokenizer):
        assert text.strip(b"\xff").endswith(TEXT.encode()) or TEXT.encode() in text
        assert (start - offset) == 5 * WIDTHS[writing]
        assert (end - start) == len(CANARY) * WIDTHS[writing]
    assert read(data, tokenizer)


def test_what_does_not_fit_into_two_bytes_has_no_pattern_of_them():
    small, large = (len(token_needles(LITERAL, Letters(first=first))) for first in (0xFF00, 0x10000))
    assert small == large + 1
    assert len({needle.pattern for needle in token_needles(LITERAL, Letters())}) == len(token_needles(LITERAL, Letters()))
    for needle in token_needles(LITERAL, Letters()):
        assert (needle.form.name, needle.form.encode(b"x"), needle.phase, needle.reach) == ("token-ids", [], 0, 768)


def test_varints_are_read_from_where_one_begins():
    tokenizer = Letters()
    data = WRITINGS["varints"](ids(tokenizer))
    needle = next(needle for needle in token_needles(LITERAL, tokenizer) if needle.pattern in data)
    at = data.index(needle.pattern)
    assert needle.form.decode(data, at, 0).data == TEXT.encode()
    assert needle.form.decode(data[:at] + b"\x80" + data[at:], at + 1, 0) is None
    assert needle.form.decode(data[:at] + b"\x7f" + data[at:], at + 1, 0).data == TEXT.encode()
    assert needle.form.decode(data[at:], 0, 0).data == TEXT[5:].encode()


def test_a_varint_counts_all_its_bytes_and_one_without_end_is_no_token():
    tokenizer = Letters(size=6, first=0)
    text = "abcdef" + LITERAL[:6]  # numbers of seven bytes
    data = WRITINGS["varints"](ids(tokenizer, text))
    writing = tokens._varints()
    assert writing.read(data, 0) == [
        (int.from_bytes(b"abcdef"), 0, 7),
        (int.from_bytes(LITERAL[:6].encode()), 7, 14),
    ]
    assert writing.write(ids(tokenizer, text)) == data
    assert writing.write([0, 1, 127, 128, 16383, 16384]) == b"\x00\x01\x7f\x80\x01\xff\x7f\x80\x80\x01"
    assert writing.read(b"\x81" * 9 + b"\x01" + b"\x05", 0) == [(sum(1 << 7 * at for at in range(10)), 0, 10), (5, 10, 11)]
    assert writing.read(b"\x80" * 600 + b"\x01\x05", 0)[-1] == (5, 601, 602)
    assert writing.read(b"\x80" * 600, 0) == []


def test_big_endian_numbers_that_look_like_little_endian_ones_are_read_as_these():
    tokenizer = Letters(first=0)  # numbers of one byte: their zeros hide the order
    for writing in ("four bytes", "four bytes, big-endian"):
        for lead in range(4):
            data = b"\x00" * lead + WRITINGS[writing](ids(tokenizer))
            assert {(text.replace(b"\x00", b"").decode(), start, end) for text, start, end in read(data, tokenizer)} >= {
                (TEXT, lead + 20, lead + 20 + 4 * len(CANARY))
            }, (writing, lead)


@dataclass
class Scripted:
    """What it makes of a text is given by a function of what stands before and after the literal."""

    make: object

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        return self.make(text, text.index(LITERAL))

    def text(self, token: int) -> bytes:
        return LITERAL[token % 100 : token // 100].encode() if token < 10_000 else b"?"


def cut(*borders: int):
    """Tokens between these places of the literal: their numbers say from where to where."""
    return lambda _text, at: [(100 * end + start, at + start, at + end) for start, end in itertools.pairwise(borders)]


def test_what_all_surroundings_share_is_the_one_pattern():
    assert literal_runs(LITERAL, Scripted(cut(0, 2, 5, 10))) == [(200, 502, 1005)]

    def shifting(text: str, at: int) -> list[tuple[int, int, int]]:
        first = [] if at else [(100, at, at + 1)]
        return [*first, (301, at + 1, at + 3), (603, at + 3, at + 6), (1006, at + 6, at + 10)]

    assert literal_runs(LITERAL, Scripted(shifting)) == [(301, 603, 1006)]


def test_tokens_that_reach_beyond_the_literal_do_not_belong_to_it():
    def reaching(text: str, at: int) -> list[tuple[int, int, int]]:
        return [
            (90_001, at - 1, at + 1),
            (301, at + 1, at + 3),
            (503, at + 3, at + 5),
            (805, at + 5, at + 8),
            (808, at + 8, at + 8),
            (90_002, at + 8, at + 11),
        ]

    assert literal_runs(LITERAL, Scripted(reaching)) == [(301, 503, 805)]


@pytest.mark.parametrize(
    ("borders", "told"), [((0, 1, 2, 5), True), ((0, 1, 2, 4), False), ((0, 2, 5), False), ((0, 5, 10), False), ((2, 4, 6, 7), True)]
)
def test_a_pattern_stands_for_five_characters_and_three_tokens(borders, told):
    assert bool(literal_runs(LITERAL, Scripted(cut(*borders)))) is told


def test_where_nothing_is_shared_each_way_is_a_pattern_up_to_twelve():
    def each(text: str, at: int) -> list[tuple[int, int, int]]:
        number = 10_000 + 10 * (hash_of(text) % 1000)
        return [(number, at, at + 2), (number + 1, at + 2, at + 4), (number + 2, at + 4, at + 6)]

    found = literal_runs(LITERAL, Scripted(each))
    assert len(found) == len(set(found)) == 12
    two = literal_runs(LITERAL, Scripted(lambda text, at: cut(0, 2, 4, 6)(text, at) if at else cut(1, 3, 5, 7)(text, at)))
    assert two == [(301, 503, 705), (200, 402, 604)]
    assert literal_runs(LITERAL, Scripted(lambda text, at: [])) == []
    short = literal_runs(LITERAL, Scripted(lambda text, at: cut(0, 2, 4, 6)(text, at) if at else cut(1, 3, 5)(text, at)))
    assert short == [(200, 402, 604)]


def hash_of(text: str) -> int:
    return sum(ord(letter) * (7 + at) for at, letter in enumerate(text))


@pytest.mark.parametrize(
    ("runs", "common"),
    [
        ([], ()),
        ([()], ()),
        ([(1, 2, 3)], (1, 2, 3)),
        ([(1, 2, 3), (2, 3)], (2, 3)),
        ([(1, 2, 3), (9, 1, 2), (1, 2)], (1, 2)),
        ([(1, 2, 3, 4), (1, 9, 3, 4)], (3, 4)),
        ([(1, 2), (3, 4)], ()),
        ([(5, 1, 2), (1, 2, 5)], (1, 2)),
        ([(1, 2, 3, 4, 5), (0, 2, 3, 4, 9), (3, 4, 8, 2, 3)], (2, 3)),
    ],
)
def test_the_longest_that_all_share_is_found(runs, common):
    assert tokens._longest_common(runs) == common
