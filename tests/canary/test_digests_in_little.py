"""Digests in little data are found by another way than in much: both find the same."""

from __future__ import annotations

import base64
import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from zdr_audit.canary.digest_search import _MOST, _in_base64, _in_hex, _in_little_base64, _in_little_hex
from zdr_audit.canary.digests import DigestBook
from zdr_audit.canary.runs import find_runs

TEXT = b"some text"
BOOK = DigestBook(b"k" * 32)
BOOK.add(BOOK.entry("c", "text", TEXT))
DIGESTS = [algorithm(TEXT).digest() for algorithm in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512)]
PIECES = st.one_of(
    st.sampled_from(
        [d.hex().encode() for d in DIGESTS] + [base64.b64encode(d) for d in DIGESTS] + [base64.urlsafe_b64encode(d) for d in DIGESTS]
    ),
    st.sampled_from([d.hex().encode()[:24] for d in DIGESTS]),
    st.sampled_from([b" ", b"-", b"a", b"0f", b"\n", b"=", b'"', b"id_", b"0" * 40]),
    st.binary(max_size=20),
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8))
def test_both_ways_find_the_same(pieces):
    data = b"".join(pieces) + b"." * 16  # arrays are not asked about less
    hexadecimal, base64_runs = find_runs(data, _MOST + 2)
    for little, much in (
        (_in_little_hex(BOOK, data), _in_hex(BOOK, data, hexadecimal)),
        (_in_little_base64(BOOK, data), _in_base64(BOOK, data, base64_runs)),
    ):
        assert sorted((start, end, needle.sighted) for start, end, needle in little) == sorted((s, e, n.sighted) for s, e, n in much)


def test_a_digest_is_found_in_little():
    for digest in DIGESTS:
        assert [needle.sighted[1] for _, _, needle in _in_little_hex(BOOK, b"x " + digest.hex().encode() + b".")] == ["c"]
