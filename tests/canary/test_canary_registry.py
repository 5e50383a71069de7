from __future__ import annotations

import pickle
import re
import string

import pytest

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry


def test_a_canary_is_identified_in_any_case_and_surroundings(lab):
    canary = lab.canary("first")
    lab.canary("second")
    assert lab.registry.identify(canary) == "first"
    assert lab.registry.identify(f"<<{canary.upper()}>>") == "first"
    assert lab.registry.identify(canary.title()) == "first"


def test_a_canary_is_identified_with_either_literal_cut_off(lab):
    canary = lab.canary("cut")
    assert lab.registry.identify(canary[:22]) == "cut"
    assert lab.registry.identify(canary[10:]) == "cut"
    assert lab.registry.identify(f"{canary[:26]}...") == "cut"


def test_too_little_of_a_canary_identifies_nothing(lab):
    canary = lab.canary("cut")
    assert lab.registry.identify(canary[:12]) is None
    assert lab.registry.identify(canary[20:]) is None
    assert lab.registry.identify(canary[10:22]) is None  # the tail alone: no literal says where to look


@pytest.mark.parametrize("keep", [slice(0, 16), slice(0, 21), slice(16, 32), slice(11, 32)])
def test_half_of_the_tail_beside_a_literal_identifies_a_cut_canary(lab, keep):
    canary = lab.canary("cut")
    lab.canary("other")
    assert lab.registry.identify(f"...{canary[keep]}...") == "cut"


@pytest.mark.parametrize("keep", [slice(0, 13), slice(0, 15), slice(17, 32), slice(19, 32)])
def test_fewer_characters_identify_a_canary_where_nothing_else_was_left_beside_them(lab, keep):
    canary = lab.canary("cut")
    assert lab.registry.identify(f"... {canary[keep]} ...") == "cut"
    foreign = next(letter for letter in string.ascii_lowercase if letter not in canary)
    # What stands beside them may be what overwrote the rest.
    assert lab.registry.identify(f"{foreign * 2}{canary[keep]}{foreign * 2}") is None


def test_a_canary_damaged_in_its_middle_is_identified(lab):
    canary = lab.canary("damaged")
    assert lab.registry.identify(canary[:17] + "\x00\x00" + canary[19:]) == "damaged"


def test_half_a_tail_that_two_canaries_share_identifies_neither(lab):
    first, second = (f"{lab.literal}abcdef{rest}{lab.literal}" for rest in ("111111", "222222"))
    lab.registry.add("first", first)
    lab.registry.add("second", second)
    assert lab.registry.identify(first[:18]) is None
    assert lab.registry.identify(first) == "first"
    assert lab.registry.identify(second[16:]) == "second"


def test_a_registry_loaded_with_its_cuts_identifies_a_cut_canary(lab):
    canary = lab.canary("first")
    later = Registry(lab.literal, b"a key of the run")
    later.load("first", lab.registry.digest(canary), lab.registry.cuts(canary))
    assert later.identify(canary[:16]) == later.identify(canary[16:]) == "first"


def test_a_canary_that_was_never_added_is_nobody(lab):
    lab.canary("known")
    assert lab.registry.identify(lab.mint.new()) is None
    assert lab.registry.identify("") is None


def test_the_first_known_canary_of_a_text_is_named_even_after_an_unknown_one(lab):
    known = lab.canary("known")
    assert lab.registry.identify(f"{lab.mint.new()} {known}") == "known"


def test_a_registry_loaded_from_digests_identifies_as_the_first_one_did(lab):
    canary = lab.canary("first")
    later = Registry(lab.literal, b"a key of the run")
    later.load("first", lab.registry.digest(canary))
    assert later.identify(canary) == "first"
    assert later.identify(canary[10:]) == "first"


def test_another_key_identifies_nothing(lab):
    canary = lab.canary("first")
    other = Registry(lab.literal, b"another key")
    other.load("first", lab.registry.digest(canary))
    assert other.identify(canary) is None


def test_a_digest_is_64_hex_digits_that_depend_on_the_key_and_not_on_case(lab):
    canary = lab.mint.new()
    assert re.fullmatch("[0-9a-f]{64}", lab.registry.digest(canary))
    assert lab.registry.digest(canary) == lab.registry.digest(canary.upper())
    assert lab.registry.digest(canary) != Registry(lab.literal, b"k").digest(canary)


def test_a_registry_holds_no_canary_text(lab):
    canary = lab.canary("first")
    assert canary[10:22].encode() not in pickle.dumps(lab.registry.__dict__)


def test_what_is_no_canary_of_this_run_cannot_be_added(lab):
    for text in (Mint(new_literal()).new(), lab.literal, f"{lab.literal}short{lab.literal}", f"{lab.literal}has a space {lab.literal}"):
        with pytest.raises(ValueError, match="is not the literal"):
            lab.registry.add("wrong", text)


@pytest.mark.parametrize("other", ["0" * 10, "z" * 10])
def test_both_ends_must_be_the_literal(lab, other):
    for text in (f"{lab.literal}abcdefghijkl{other}", f"{other}abcdefghijkl{lab.literal}"):
        with pytest.raises(ValueError, match="is not the literal"):
            lab.registry.add("wrong", text)


def test_one_canary_cannot_have_two_names(lab):
    canary = lab.canary("first")
    lab.registry.add("first", canary)
    with pytest.raises(ValueError, match="first and second have the same digest"):
        lab.registry.add("second", canary)
