"""Where a canary was seen: the range that is told holds it, all of it, and nothing else."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Callable

import pytest

from fixtures.corpus import LEAKS
from zdr_audit.canary.forms import FORMS

# Their groups (and, of texts in pieces, what stands around them) tell how to read them: cut out exactly, they may begin within a group.
_BY_GROUPS = {"base64", "base64url", "base32", "base32hex", "uuencode", "split", "lines", "dump"}
_BY_BITS = {"hpack"}
_MARKED_BEFORE = {"ascii85-adobe-of-zlib"}
_ONE_LAYER = set(FORMS) - {"utf-16le", "utf-16be", "utf-32le", "utf-32be"} | {"upper-case", "mixed-case", "plain"}
ALONE = [leak for leak in LEAKS if not _BY_GROUPS & set(leak.forms) and not leak.whole and leak.name not in _MARKED_BEFORE]
WRITTEN_ONCE = [leak for leak in LEAKS if len(leak.forms) <= 2 and leak.forms[0] in _ONE_LAYER and not leak.name.startswith("pdf")]


@pytest.mark.parametrize("leak", ALONE, ids=lambda leak: leak.name)
def test_the_bytes_of_the_range_alone_show_the_same(lab, leak):
    canary = lab.canary(leak.name)
    data = leak.make(canary[leak.keep] if leak.keep else canary)
    seen = lab.search(data)
    assert seen
    for one in seen:
        assert (0, one.end - one.start, one.forms, leak.name) in {
            (again.start, again.end, again.forms, again.canary) for again in lab.search(data[one.start : one.end])
        }


@pytest.mark.parametrize("leak", WRITTEN_ONCE, ids=lambda leak: leak.name)
def test_no_byte_at_the_edges_of_the_range_could_be_spared(lab, leak):
    canary = lab.canary(leak.name)
    data = leak.make(canary[leak.keep] if leak.keep else canary)
    seen = lab.search(data)
    assert seen
    for one in seen:
        for at in (one.start, one.end - 1):
            # Where a character takes some bits, those of its neighbours in the same byte are free to change: all together are not.
            for other in (bytes([data[at] ^ 0xFF]),) if leak.forms[0] in _BY_BITS else (b"\x00", b"\xff"):
                changed = data[:at] + other + data[at + 1 :]
                assert changed == data or one not in lab.search(changed)


def groups(packed: int, text: int) -> Callable[[int, int], tuple[int, int]]:
    """The characters that hold bytes `start` to `end`, where so many bytes take so many characters bit by bit."""
    return lambda start, end: (start * text // packed, -(-end * text // packed))


def whole_groups(start: int, end: int) -> tuple[int, int]:
    """The same where four bytes are one number of five digits: every digit holds something of every byte."""
    return start // 4 * 5, -(-end // 4) * 5


WRITTEN: dict[str, tuple[Callable[[bytes], bytes], Callable[[int, int], tuple[int, int]]]] = {
    "base64": (base64.b64encode, groups(3, 4)),
    "base32": (base64.b32encode, groups(5, 8)),
    "base32hex": (base64.b32hexencode, groups(5, 8)),
    "base85": (base64.b85encode, whole_groups),
    "ascii85": (base64.a85encode, whole_groups),
    "hex": (lambda data: data.hex().encode(), groups(1, 2)),
    "binary": (lambda data: "".join(f"{code:08b}" for code in data).encode(), groups(1, 8)),
    "hex-separated": (lambda data: data.hex(" ").encode(), lambda start, end: (3 * start, 3 * end)),
    "rot13": (lambda data: codecs.encode(data.decode(), "rot13").encode(), groups(1, 1)),
    "percent": (lambda data: "".join(f"%{code:02X}" for code in data).encode(), groups(1, 3)),
    "hex-escape": (lambda data: "".join(f"\\x{code:02x}" for code in data).encode(), groups(1, 4)),
    "unicode-escape": (lambda data: "".join(f"\\u{code:04x}" for code in data).encode(), groups(1, 6)),
    "utf-16le": (lambda data: data.decode().encode("utf-16le"), groups(1, 2)),
    "utf-32le": (lambda data: data.decode().encode("utf-32le"), groups(1, 4)),
}
FEWER = {"binary", "hex-separated"}
"""In halves, either of which may be seen by itself."""


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("lead", range(11))
def test_the_range_is_that_of_the_characters_which_hold_the_canary(lab, name, lead):
    write, holds = WRITTEN[name]
    text = b"ship-" * 3
    text = text[:lead] + lab.canary("one").encode() + b" and more of the text"
    data = b"<<" + write(text) + b">>"
    seen = lab.search(data)
    assert {(one.forms, one.canary) for one in seen} == {((name, "plain"), "one")}
    start, end = (2 + at for at in holds(lead, lead + 32))
    places = [(one.start, one.end) for one in seen]
    if name in FEWER:
        assert min(places)[0] == start
        assert max(last for _, last in places) in (end, end - 1)
    else:
        assert places == [(start, end)]


def uuencoded(text: bytes) -> bytes:
    return b"".join(binascii.b2a_uu(text[at : at + 45], backtick=True) for at in range(0, len(text), 45))


@pytest.mark.parametrize("lead", range(0, 50))
def test_uuencoded_text_is_placed_over_its_lines(lab, lead):
    text = b"the ships of the harbour are lit, and all of them at anchor"[:lead] + lab.canary("one").encode() + b" more" * 9
    data = uuencoded(text)
    (seen,) = lab.search(data)
    assert (seen.forms, seen.canary) == (("uuencode", "plain"), "one")
    characters = [at for at in range(len(data)) if data[at : at + 1] != b"\n" and at and data[at - 1 : at] != b"\n"]
    first, last = groups(3, 4)(lead, lead + 32)
    assert (seen.start, seen.end) == (characters[first], characters[last - 1] + 1)


@pytest.mark.parametrize("name", ["base64", "base32", "base85"])
@pytest.mark.parametrize("width", [19, 76])
def test_breaks_of_lines_within_the_encoded_text_belong_to_the_range(lab, name, width):
    write, holds = WRITTEN[name]
    text = b"the ships of the harbour" + lab.canary("one").encode() + b" more" * 9
    written = write(text)
    lines = b"\n".join(written[at : at + width] for at in range(0, len(written), width))
    (seen,) = lab.search(lines)
    first, last = holds(24, 56)
    assert (seen.canary, seen.start, seen.end) == ("one", first + first // width, last - 1 + (last - 1) // width + 1)


def test_numbers_in_a_list_are_placed_from_the_first_to_the_last_of_them(lab):
    canary = lab.canary("one").encode()
    for before, between, after in (("[", ", ", "]"), ("[104, ", ", ", ", 33]"), ("{", ",", "}"), ("(7 ", " ", " 7)")):
        data = f"{before}{between.join(map(str, canary))}{after}".encode()
        (seen,) = lab.search(data)
        told = data[seen.start : seen.end].decode()
        assert (seen.forms, seen.canary, seen.start) == (("decimal-list", "plain"), "one", len(before))
        assert bytes(int(word) for word in told.replace(",", " ").split()) == canary
