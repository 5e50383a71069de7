"""With Hyperscan and without it the same is found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.corpus import LEAKS, noise
from zdr_audit.canary import fast

PLAIN = b'{"at": "2026-11-23T09:00:00Z", "request": "0000ff", "level": "info", "text": "a request was served, and another"}\n'
LOG = 35 * (9 * PLAIN + b'{"request": "req_00ff", "x-id": "z"}\n')
KINDS = {"binary": noise(40_000, b"around"), "text": LOG, "zeros": bytes(40_000)}
AT_ANY_OFFSET = [leak for leak in LEAKS if not leak.whole]


@pytest.mark.parametrize("size", range(11))
def test_any_beginning_of_the_literal_is_met_with_what_follows_so_many_letters(size):
    literal = b"zqx482j913"
    pattern = re.compile(fast.nested(literal, lambda count: b"<%d>" % count))
    for text in (literal, literal.upper()):
        for count in range(11):
            assert bool(pattern.fullmatch(text[:size] + b"<%d>" % count)) is (count == size and 1 <= size <= 9)


@pytest.mark.parametrize(("times", "told"), [(3, True), (fast._MOST + 2, False)])
def test_where_text_holds_too_many_places_the_other_way_is_taken(times, told):
    made = fast.Fast([b"abcdefgh", b"\x01\x02\x03\x04"], b"zqx482j913", in_text=[0])
    assert made.compile()
    made._looked_apart = fast._WORTH_APART
    data = bytes(range(256)) * 400 + b"\x01\x02\x03\x04" + b" abcdefgh" * times + bytes(range(256)) * 400
    found = made.patterns(data)
    assert (found is not None) is told
    if found is not None:
        places = {(data[start:end], number) for start, end, number in found}
        assert places == {(b"abcdefgh", 0), (b"\x01\x02\x03\x04", 1)} and sum(number == 0 for *_, number in found) >= times


@pytest.fixture(scope="module")
def shared(labs):
    """One lab for many examples, since making and compiling one takes longer than a search."""
    lab = labs("zqx482j913")
    lab.canary_planted = lab.canary("planted")
    return lab


def both(lab, data: bytes) -> tuple[set, set]:
    """What is found without, and with."""
    lab.seeker.fast.use(False)
    without = set(lab.search(data))
    assert lab.seeker.fast.compile()
    found = []
    for looked in (-len(data), fast._WORTH_APART):  # all patterns at once, and those of text by themselves
        lab.seeker.fast._looked_apart = looked
        lab.seeker.fast.use(True)
        found.append(set(lab.search(data)))
    assert found[0] == found[1]
    return without, found[0]


@pytest.fixture
def lab(labs):
    """With a seeker of its own, that may be compiled or not."""
    return labs()


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_is_found_the_same(lab, kind):
    around = KINDS[kind]
    pieces = []
    for leak in AT_ANY_OFFSET:
        canary = lab.canary(leak.name)
        pieces.append(leak.make(canary[leak.keep] if leak.keep else canary))
    data = around + b"".join(b"\n" + piece + b"\n" + around[: 9000 + 7 * len(piece) % 8] for piece in pieces)
    without, found = both(lab, data)
    assert found == without
    assert {seen.canary for seen in found} >= {leak.name for leak in AT_ANY_OFFSET if not leak.keep}


@settings(max_examples=8, deadline=None)
@given(
    parts=st.lists(st.sampled_from([leak for leak in AT_ANY_OFFSET if leak.keep is None]), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=3),
    between=st.binary(max_size=60),
    cut=st.integers(0, 6_000),
)
def test_any_mixture_of_forms_and_surroundings_is_found_the_same(shared, parts, kinds, between, cut):
    canary = shared.canary_planted
    data = b"".join(KINDS[kind][cut:] for kind in kinds) + between.join(leak.make(canary) for leak in parts) + KINDS[kinds[0]][:cut]
    without, found = both(shared, data)
    assert found == without


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["", " ", "\n", '"', "\\n", "=\r\n", "x", "7", "é"])), min_size=1, max_size=30),
    st.booleans(),
)
def test_a_literal_in_pieces_is_found_the_same(shared, pieces, upper):
    text = shared.canary_planted * 3
    at, out = 0, ""
    for size, gap in pieces:
        out += text[at : at + size] + gap
        at += size
    out = out.upper() if upper else out
    without, found = both(shared, LOG + out.encode() + LOG)
    assert found == without


def test_what_is_met_too_often_is_looked_for_otherwise(lab):
    canary = lab.canary("planted")
    flood = b"x\x9c\x00 " * 12_000
    without, found = both(lab, flood + canary.encode() + flood)
    assert found == without
    assert {seen.canary for seen in found} == {"planted"}


def test_nothing_is_compiled_for_little_data(lab):
    lab.search(b"some text " * 1000)
    assert lab.seeker.fast.patterns(bytes(fast.SMALL + 1)) is None


def test_without_the_library_all_is_found_as_before(lab, monkeypatch):
    monkeypatch.setattr(fast, "_engine", lambda: None)
    canary = lab.canary("planted")
    assert {seen.canary for seen in lab.search(LOG * 20 + canary.encode() + LOG)} == {"planted"}
