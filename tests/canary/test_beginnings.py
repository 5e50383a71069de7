"""What passes over most places at which the literal may begin, and most of what are no long words, passes over nothing that the searches would find."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from zdr_audit.canary import parts, unmarked
from zdr_audit.canary.fast import Fast
from zdr_audit.canary.seeker import _passes

LITERAL = b"zqx482n913"  # one letter of it may follow a backslash
GAPS = (
    *("", " ", "  ", "\n", "\r\n", "\\n", "\\\\n", "\\r\\n", "=\r\n", "\t", "*", "-", "_", ".", "é"),
    *(b"\x00".decode(), '"', '","', "</b>", "<i>", "*<b>", " **", "\\u003cb\\u003e", "&lt;br&gt;", "\x1b[31m", "\\u001b[0m"),
    *(") -12.5 (", "\\par ", "\\b0 ", "{", "}", "`", 60 * " ", 12 * "=\r\n", '", "', 'x": "'),
    '"}}\n\ndata: {"delta": {"text": "',
    "\n2026-11-23 info text: ",
)


def _found(data: bytes) -> list[tuple[str, int, int]]:
    return [(one.name, start, end) for one in _passes(LITERAL, Fast((), LITERAL), 0) for start, end, _ in one.find(data)]


def _written(pieces: list[tuple[int, str]], upper: bool, before: str) -> bytes:
    text, at, out = LITERAL.decode() + "4k5m6p7r8s9t" + LITERAL.decode(), 0, before
    for size, gap in pieces:
        out += text[at : at + size] + gap
        at += size
    out += text[at:]
    return (out.upper() if upper else out).encode()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(GAPS)), min_size=1, max_size=12),
    st.booleans(),
    st.sampled_from(("", " ", "x", '{"delta": {"text": "', "\n2026-11-23 info text: ", "zq")),
)
@example([(6, " ")], False, "")  # the next letter is one that may belong to an escape
@example([(6, 12 * "=\r\n")], False, "")
@example([(3, "*<b>")], False, "x")
@example([(4, "\n2026-11-23 info text: ")], False, "\n2026-11-23 info text: ")
def test_no_piece_of_a_literal_is_passed_over(pieces, upper, before):
    data = b"\nand quiz jazz\n" + _written(pieces, upper, before) + b"\n"
    narrowed = _found(data)
    every, parts._going_on = parts._going_on, lambda _literal: re.compile(b"")
    try:
        assert _found(data) == narrowed
    finally:
        parts._going_on = every


def test_the_pieces_that_are_tried_are_found_at_all():
    names = {
        name
        for gap in GAPS
        for before in ("", '{"text": "', "\n2026-11-23 info text: ")
        for name, _, _ in _found(b"\n" + _written([(4, gap)], False, before) + b'"\n')
    }
    assert names >= {"spaced", "markup", "split", "lines"}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from('aZ9+-_/%\\ \n"='), st.integers(1, 75)), max_size=12),
    st.integers(0, 90),
    st.integers(0, 90),
)
def test_every_long_word_of_a_range_is_met(runs, low, cut):
    data = b"".join(letter.encode() * count for letter, count in runs)
    high = max(low, len(data) - cut)
    expected = [found.span() for found in unmarked._LONG.finditer(data, low, high)]
    assert [found.span() for found in unmarked._long_words(data, low, high)] == expected
