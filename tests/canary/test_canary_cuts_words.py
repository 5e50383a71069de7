"""The quick search for words that go on with a text finds what looking at every word finds."""

import re

from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.canary.cuts import _fits, _fitting

LETTERS = st.text("qzx7", min_size=1, max_size=6).map(str.encode)
LINES = st.lists(st.text("qzx7 -A\n", max_size=8)).map(lambda parts: "".join(parts).encode())


@given(rest=LETTERS, line=LINES)
def test_the_words_that_fit_are_those_that_a_look_at_each_word_finds(rest: bytes, line: bytes) -> None:
    each = [found.span() for found in re.finditer(rb"[A-Za-z0-9]+", line) if _fits(found[0], rest)]
    assert [found.span() for found in _fitting(rest).finditer(line)] == each
