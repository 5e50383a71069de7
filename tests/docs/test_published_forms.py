"""The published table of leak forms is the true one: every form that is searched for is in it, and planted somewhere."""

from __future__ import annotations

from pathlib import Path

from docs.make_forms import HOW, described, planted, table
from fixtures.corpus import LEAKS
from zdr_audit.canary.digests import ALGORITHMS, DigestBook
from zdr_audit.canary.seeker import Seeker
from zdr_audit.canary.streams import OPENERS, WHOLE
from zdr_audit.canary.tokens import load

CHECKOUT = Path(__file__).resolve().parents[2]
ORDERS = {"utf-16le": "utf-16", "utf-16be": "utf-16", "utf-32le": "utf-32", "utf-32be": "utf-32"}


def test_the_published_table_is_what_the_command_prints():
    assert (CHECKOUT / "docs" / "forms.md").read_text() == table(), "make it again: python -m docs.make_forms > docs/forms.md"


def test_every_form_that_is_searched_for_is_described_and_no_other():
    seeker = Seeker("zqx482j913", lambda _: None, digests=DigestBook(b"key"), tokenizer=load("tiktoken:cl100k_base"))
    assert set(described()) == {*seeker.searched, "base64url"}
    assert {name for name, about in described().items() if about["found"] == "look-up"} == set(ALGORITHMS)


def test_every_form_is_planted_and_every_planted_form_is_described():
    for name, about in described().items():
        cases = planted(name, about)
        assert cases, name
        for case in cases:
            assert case in {leak.name for leak in LEAKS} or (CHECKOUT / case).exists(), case
    assert {ORDERS.get(form, form) for leak in LEAKS for form in leak.forms} <= set(described())


def test_by_what_a_form_is_found_is_true_of_what_opens_it():
    for name, about in described().items():
        ways = about["found"].split(", ")
        assert set(ways) <= set(HOW), name
        magic = any(opener.name == name and (opener.patterns or name == "zlib") and not opener.refused for opener in OPENERS)
        beginning = any(ORDERS.get(opener.name, opener.name) == name and not opener.refused for opener in WHOLE)
        assert ("magic" in ways) == magic, name
        assert ("beginning" in ways) == (beginning and name != "base64"), name
