"""Text in pieces over the lines of a log: what counts as going on, how far is looked, and what is read around the pieces."""

from __future__ import annotations

import pytest

from zdr_audit.canary import cuts
from zdr_audit.canary.fast import Fast
from zdr_audit.canary.parts import Beginnings

LITERAL = "zqx482j913"


@pytest.fixture(scope="module")
def beginnings():
    return Beginnings(LITERAL.encode(), Fast((), LITERAL.encode()))


@pytest.fixture
def search(beginnings):
    """Made anew for each test."""
    return cuts.lines(LITERAL.encode(), beginnings)


@pytest.fixture
def told(search):
    """The places of the first pieces that the lines which follow go on with."""
    return lambda data: [(start, end) for start, end, _ in search.find(data if isinstance(data, bytes) else data.encode())]


@pytest.mark.parametrize("size", range(1, 10))
@pytest.mark.parametrize("change", [str, str.upper])
def test_the_first_piece_is_a_word_of_its_own_and_the_next_line_goes_on(told, size, change):
    text = change(LITERAL)
    assert told(f"a {text[:size]} b\nc {text[size:]} d") == [(2, 2 + size)]
    assert told(f"a7{text[:size]} b\nc {text[size:]} d") == []
    assert told(f"a {text[:size]}b\nc {text[size:]} d") == []
    assert told(f"a {text[:size]} b c {text[size:]} d") == []
    assert told(f"a {text[:size]} b\nc 7{text[size:]} d") == []


def test_the_last_piece_may_go_on_and_others_may_not(told):
    first, rest = LITERAL[:4], LITERAL[4:]
    assert told(f"{first} \n{rest}4k5m") == [(0, 4)]
    assert told(f"{first} \n{rest[:3]}x\n{rest[3:]}") == []
    assert told(f"{first} \n{rest[:-1]}") == []
    assert told(f"{first} \n{rest.upper()}") == []


@pytest.mark.parametrize(
    ("same_line", "listed"),
    [
        ("82", False),
        ("82j", True),
        ("82j9", True),
        ("82j913", True),
        ("82j913and", True),
        ("82jx", False),
        ("a82j", False),
        ("a82j 82j", True),
        ("a82j a82j", False),
        ("82jx 82j9", True),
        ("xyz", False),
    ],
)
def test_pieces_that_the_same_line_lists_are_no_answer(told, same_line, listed):
    assert told(f"zqx4 then {same_line} and\n82j913") == ([] if listed else [(0, 4)])


@pytest.mark.parametrize(("same_line", "listed"), [("1", False), ("13", True), ("12", False), ("3", False)])
def test_a_rest_of_two_letters_is_listed_where_both_stand_in_the_line(told, same_line, listed):
    assert told(f"zqx482j9 then {same_line} and\n13") == ([] if listed else [(0, 8)])


def test_a_line_is_looked_at_for_eight_thousand_bytes():
    rest = b"82j913"
    for size, holds in ((8192, True), (8193, False)):
        assert cuts._line_holds(b"zqx4" + b" " * (size - 3) + b"82j", 4, rest, 3) is holds
        assert cuts._line_holds(b"zqx4" + b" " * (size - 3) + b"82j\n", 4, rest, 3) is holds
    assert cuts._line_holds(b"82j", 0, rest, 3)
    assert cuts._line_holds(b"  82j\n", 0, rest, 3)
    assert not cuts._line_holds(b"  82\nj", 0, rest, 3)
    assert not cuts._line_holds(b"  \n82j", 0, rest, 3)
    assert not cuts._line_holds(b"82j \n", 1, rest, 3)


@pytest.mark.parametrize(("before", "after", "ascii_"), [(16, 0, False), (17, 0, True), (0, 15, False), (0, 16, True)])
def test_a_piece_stands_in_text(told, before, after, ascii_):
    data = bytearray(b" " * 30 + b"zqx482\nj913" + b" " * 30)
    if before:
        data[30 - before] = 0xC3
    else:
        data[36 + after] = 0xC3
    assert bool(told(bytes(data))) is ascii_


def test_between_the_pieces_stands_text(told):
    assert told(b"zqx482" + b" " * 20 + b"\nj913") == [(0, 6)]
    assert told(b"zqx482" + b" " * 20 + b"\xc3\nj913") == []
    assert told(b"zqx482" + b" " * 20 + b"\nj913\xc3") == [(0, 6)]


@pytest.mark.parametrize("lead", [0, 7, 100])
def test_the_pieces_stand_within_eight_thousand_bytes(told, lead):
    for room, found in ((8192, True), (8193, False)):
        data = b" " * lead + b"zqx482\n" + b"." * (room - 11) + b"j913"
        assert data.index(b"zqx") == lead
        assert len(data) - lead == room
        assert bool(told(data)) is found


@pytest.mark.parametrize(("others", "found"), [(62, True), (63, False)])
def test_so_many_words_are_tried(told, others, found):
    """One that stands as the first piece does comes first; what would go on with it stands in the next line."""
    data = 'delta="zqx4"\ndelta="8" x=82j913 \n' + 'delta="2" ' * others + "\n"
    assert bool(told(data)) is found


@pytest.mark.parametrize(("others", "found"), [(63, True), (64, False)])
def test_so_many_words_of_one_line_are_tried(told, others, found):
    data = 'delta="zqx4"\n' + "8 " * others + "x=82j913 \n"
    assert bool(told(data)) is found


def test_a_word_that_stands_as_the_piece_before_comes_first_then_the_longest(search):
    data = b'at="zqx"\n482 82j at="4" 482j9 x="482"\n 82 at="82j913"'
    ((start, _, needle),) = search.find(data)
    text = needle.form.decode(data, start, 0)
    assert text.data[:10] == LITERAL.encode()
    assert [data[at : at + 1] for at in text.starts[3:5]] == [b"4", b"8"]
    assert text.starts[3] == data.index(b'at="4"') + 4
    longest = b"-zqx \n -4 -482 -48 \n -82j913 -j913"
    ((start, _, needle),) = search.find(longest)
    assert needle.form.decode(longest, start, 0).starts[3] == longest.index(b"482")


@pytest.mark.parametrize(("words", "found"), [(1, True), (4, True), (5, False)])
def test_pieces_of_a_letter_are_told_where_few_words_could_stand_in_their_place(told, words, found):
    """Nine lines of four words each leave 33.7 bits of the literal's 51.7, nine of five words 30.8."""
    lines = [f'"" {f"""w="x{number}" """ * (words - 1)}w="{letter}"' for number, letter in enumerate(LITERAL)]
    assert told("\n".join(lines)) == ([(len(lines[0]) - 2, len(lines[0]) - 1)] if found else [])


def test_what_stands_before_pieces_of_a_letter_must_be_two_bytes_the_same(told):
    assert told("\n".join(f"{number}- {letter}" for number, letter in enumerate(LITERAL))) == [(3, 4)]
    assert told("\n".join(f"{'=-:;,'[number % 5]} {letter}" for number, letter in enumerate(LITERAL))) == []
    assert told("\n".join(LITERAL)) == []  # only the beginning of a line
    assert told("\n".join(f" {letter}" for letter in LITERAL)) == [(1, 2)]


def test_two_pieces_need_nothing_in_common(told):
    assert told("a-zqx4\nb=82j913") == [(2, 6)]
    assert told("a-zqx4\nb=82j\nc:913") == []
    assert told("a=zqx4\na=82j\na=913") == [(2, 6)]


def test_the_lines_after_a_place_are_given_without_their_ends():
    data = b"a\nbb\n\nccc"
    after = [(2, 4), (5, 5), (6, 9)]
    assert list(cuts._lines(data, 0)) == [(0, 1), *after]
    assert list(cuts._after(data, 0)) == list(cuts._after(data, 1)) == list(cuts._lines(data, 2)) == after
    assert list(cuts._after(data, 2)) == list(cuts._after(data, 4)) == after[1:]
    assert list(cuts._after(data, 6)) == []
    assert list(cuts._after(b"a\n", 0)) == []
    assert list(cuts._lines(b"", 0)) == []
    assert list(cuts._lines(b"\nab", 0)) == [(0, 0), (1, 3)]


@pytest.mark.parametrize(("lines", "given"), [(63, 63), (64, 64), (65, 64)])
def test_so_many_lines_are_given(lines, given):
    assert len(list(cuts._after(b"\n" * lines + b"x", 0))) == given


@pytest.mark.parametrize(("others", "found"), [(0, True), (1, True), (8, True), (9, False)])
def test_a_few_lines_between_two_pieces_hold_none(told, others, found):
    assert bool(told("at=zqx4\n" + "another line\n" * others + "at=82j913\n")) is found
    assert bool(told("at=zqx4\nat=82j\n" + "another line\n" * others + "at=913\n")) is found


def test_what_would_go_on_and_leads_nowhere_ends_the_search(told):
    assert told("at=zqx4\nat=8\nat=82j913\n") == []
    assert told("at=zqx4\nat=8\nat=2j913\n") == [(3, 7)]


def test_what_stands_before_pieces_is_what_their_lines_share():
    data = b"one: 1, two: 2\nthree: 3\n4\nsixteen letters before 5"
    place = {code: (data.index(code), data.index(code) + 1) for code in (b"1", b"2", b"3", b"4", b"5")}
    assert cuts._before(data, [place[b"1"]]) == b"\none: "
    assert cuts._before(data, [place[b"1"], place[b"3"]]) == b"e: "
    assert cuts._before(data, [place[b"1"], place[b"3"], place[b"2"]]) == b": "
    assert cuts._before(data, [place[b"4"]]) == b"\n"
    assert cuts._before(data, [place[b"4"], place[b"1"]]) == b""
    assert cuts._before(data, [place[b"5"]]) == b"sixteen letters before "[-16:]
    assert cuts._before(data, [place[b"5"], place[b"5"]]) == b"sixteen letters before "[-16:]


def joined(search, data: bytes) -> bytes:
    """What is read around the first piece that was found; each byte stands where it says."""
    start, _, needle = next(search.find(data))
    assert (needle.reach, needle.form.encode(b"x")) == (8192, [])
    text = needle.form.decode(data, start, 0)
    assert bytes(data[at] for at in text.starts) == text.data
    assert text.ends == [at + 1 for at in text.starts]
    assert text.starts == sorted(set(text.starts))
    assert text.name == "lines"
    return text.data


def test_what_stands_in_the_same_place_of_the_lines_around_is_read_too(search):
    log = "".join(
        f"2026-11-26T10:00:{number:02d}Z INFO delta={piece}\n" for number, piece in enumerate(("the", "zqx4", "82j91", "3then", "more"))
    )
    assert joined(search, log.encode()) == b"thezqx482j913thenmore"
    other = log.replace("more", "more\nanother line\n2026-11-26T10:00:59Z INFO delta=end")
    assert joined(search, other.encode()) == b"thezqx482j913thenmoreend"
    assert joined(search, ("a line before\n" + log).encode()) == b"thezqx482j913thenmore"
    assert joined(search, log.upper().encode()) == b"THEZQX482J913THENMORE"


def test_a_number_that_counts_the_lines_does_not_belong_to_the_place(search):
    log = "".join(f"text {number} delta={piece};\n" for number, piece in enumerate(("ab", "zqx4", "82j913", "cd", "ef")))
    assert joined(search, log.encode()) == b"abzqx482j913cdef"


def test_where_the_line_begins_with_the_piece_so_do_the_others(search):
    assert joined(search, b"ab\nzqx4\n82j913\ncd x\nef") == b"abzqx482j913cdef"
    assert joined(search, b"zqx4\n82j913\ncd x\n") == b"zqx482j913cd"


def test_what_the_next_line_does_not_share_is_no_place(search):
    assert joined(search, b"-zqx4\n=82j913\ncd") == b"zqx482j913"
    assert joined(search, b"-zqx4\n=82j913\n=cd") == b"zqx482j913cd"
    assert joined(search, b"- zqx4\n= 82j913\n: cd") == b"zqx482j913"
    assert joined(search, b"-: zqx4\n=: 82j913\n:: cd") == b"zqx482j913cd"


def test_where_nothing_goes_on_nothing_is_read(search):
    _, _, needle = next(search.find(b"zqx4\n82j913"))
    assert needle.form.decode(b"zqx4\n82j91", 0, 0) is None
    assert needle.form.decode(b"xyz", 0, 0) is None
    assert needle.form.decode(b"zqx4", 0, 0) is None


def continued(data: bytes, word: bytes) -> list[bytes]:
    return [text.data for text in cuts.continued(data, data.index(word))]


def test_a_literal_that_ends_a_piece_is_read_with_the_lines_for_each_place_at_which_the_piece_may_begin():
    data = b"at=ab x=12\nat=go on zqx482j913\nat=4k5m\nat=7p8r\n"
    assert continued(data, b"zqx") == [
        b"zqx482j913",
        b"on zqx482j913",
        b"abgo on zqx482j9134k5m7p8r",
        b"atat=go on zqx482j913atat",
    ]
    assert continued(b"...", b".") == []


@pytest.mark.parametrize(
    ("before", "places"),
    [
        (b"", 1),
        (b"\n", 1),
        (b"x\na ", 2),
        (b"a " * 11, 12),
        (b"a " * 12, 12),
        (b"a " * 13, 12),
        (b"a-" + b"b" * 127, 1),
        (b"a-" + b"b" * 128, 0),
        (b"a-b-" + b"b" * 126, 1),
    ],
)
def test_a_piece_may_begin_at_a_few_places_near_before_its_literal(before, places):
    assert len(continued(before + b"zqx482j913\nb", b"zqx")) == places
