from __future__ import annotations

import re

import pytest

from zdr_audit.canary.mint import CANARY_LENGTH, LITERAL_LENGTH, TAIL_LENGTH, Mint, new_literal, parts
from zdr_audit.canary.registry import Registry


def test_a_literal_is_ten_lower_case_letters_and_digits_that_begin_with_three_rare_letters():
    for _ in range(200):
        assert re.fullmatch(r"[zqxjkv]{3}[a-z0-9]{7}", new_literal())
    assert LITERAL_LENGTH == 10


def test_a_literal_has_few_letters_and_no_long_number():
    literals = [new_literal() for _ in range(200)]
    assert all(sum(letter.isalpha() for letter in literal) == 4 for literal in literals)
    assert not any(re.search(r"\d{4}", literal) for literal in literals)


def test_a_literal_that_its_reverse_would_repeat_is_not_minted(monkeypatch):
    drawn = iter("jjj367o763" + "zqx482j913")
    monkeypatch.setattr("secrets.choice", lambda _alphabet: next(drawn))
    assert new_literal() == "zqx482j913"


def test_a_literal_that_a_compressor_would_shorten_is_not_minted(monkeypatch):
    drawn = iter("zqx555x555" + "zqx482j913")
    monkeypatch.setattr("secrets.choice", lambda _alphabet: next(drawn))
    assert new_literal() == "zqx482j913"


def test_literals_differ_from_run_to_run():
    assert len({new_literal() for _ in range(100)}) == 100


def test_a_canary_is_the_literal_twelve_characters_and_the_literal_again():
    literal = new_literal()
    canary = Mint(literal).new()
    assert re.fullmatch(f"{literal}[a-z0-9]{{{TAIL_LENGTH}}}{literal}", canary)
    assert len(canary) == CANARY_LENGTH == 32


def test_canaries_of_one_mint_never_repeat():
    mint = Mint(new_literal())
    assert len({mint.new() for _ in range(1000)}) == 1000


def test_a_compressor_finds_nothing_in_a_canary_to_shorten_but_its_second_literal():
    literal = new_literal()
    for _ in range(300):
        canary = Mint(literal).new()
        triples = [canary[at : at + 3] for at in range(LITERAL_LENGTH + TAIL_LENGTH)]
        assert len(set(triples)) == len(triples), canary


@pytest.mark.parametrize("literal", ["", "short", "UPPERCASE1", "zqx-482913", "zqx482j9131", "zqx482j91\u00e9"])
def test_a_literal_of_another_shape_is_refused(literal):
    with pytest.raises(ValueError, match="a literal is 10 characters"):
        Mint(literal)


def test_parts_joined_are_the_canary():
    canary = Mint(new_literal()).new()
    assert "".join(parts(canary)) == canary


@pytest.mark.parametrize("separator", [" ", ", ", "\n", '", "', " + ", "-", "', '"])
def test_parts_joined_with_a_separator_hold_no_literal(separator):
    literal = new_literal()
    for _ in range(50):
        assert literal not in separator.join(parts(Mint(literal).new()))


def test_no_two_canaries_share_their_shortest_cuts_as_long_as_there_are_enough():
    literal = new_literal()
    mint, registry = Mint(literal), Registry(literal, b"key")
    canaries = [mint.new() for _ in range(3000)]
    for number, canary in enumerate(canaries):
        registry.add(str(number), canary)
    assert [registry.identify(f"...{canary[-13:]} ") for canary in canaries] == [str(number) for number in range(3000)]
    assert [registry.identify(f" {canary[:13]}...") for canary in canaries] == [str(number) for number in range(3000)]


def test_one_that_shares_a_cut_with_another_is_drawn_again(monkeypatch):
    mint = Mint(new_literal())
    tails = ["abcdefghijkl", "abc000000000", "000000000jkl", "mnopqrstuvwx"]
    drawn = iter(tails)
    monkeypatch.setattr(mint, "_tail", lambda: next(drawn))
    assert [mint.new()[10:-10] for _ in range(2)] == [tails[0], tails[3]]


def test_a_mint_whose_cuts_are_used_up_goes_on_making_canaries(monkeypatch):
    monkeypatch.setattr("zdr_audit.canary.mint._LETTERS", "ab")
    monkeypatch.setattr("zdr_audit.canary.mint._DIGITS", "cdefghijk")
    mint = Mint(new_literal())
    assert len({mint.new() for _ in range(1500)}) == 1500
