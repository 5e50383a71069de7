"""What is said of each kind that is opened: of damage, of what is known but not decoded, of what is an attempt, of what is seen anyway."""

from __future__ import annotations

from collections.abc import Iterable

from zdr_audit.canary.opener import Opener
from zdr_audit.canary.seeker import searched_forms
from zdr_audit.canary.streams import OPENERS, WHOLE

ESCAPES = (
    "unicode-escape", "unicode-escape-twice", "hex-escape", "hex-escape-twice", "octal-escape", "octal-escape", "sql-escape", "percent",
    "quoted-printable", "quoted-printable", "decimal-list", "hex-list", "hex-separated", "base32", "ascii85", "base85", "z85",
)  # fmt: skip
SAID = [
    "gzip", "zstd", "zip", "xz", "bz2", "lz4", "snappy", "base64", "hex", "rdb-lzf", "parquet", "avro", "7z", "snappy", "pdf", "pcap", "pcap",
    "wired-tiger", "pg-dump", "duckdb", "journald", "rar", "parquet", "orc",
]  # fmt: skip
NOT_SAID_OF_LITTLE = ["base64", "hex", "lzma", "zlib", *ESCAPES, "dump", "ascii85", "hex", "lzw", "pdf", "uuencode", "kafka", "clickhouse"]
ATTEMPTS = ["chunked", "ascii85", "deflate", "base64", "brotli", "utf-16le", "utf-16be", "record", "snappy", "lz4"]
EVERY = (*OPENERS, *WHOLE)


def names(openers: Iterable[Opener]) -> list[str]:
    """Their names, where a decoder is at hand that has not begun."""
    return [opener.name for opener in openers if not opener.decoder().ended]


def test_what_is_said_of_each_kind_and_where_it_is_looked_for():
    assert names(one for one in EVERY if one.strict) == SAID  # however little was decoded
    assert names(one for one in EVERY if not one.strict and not one.quiet) == NOT_SAID_OF_LITTLE
    assert names(one for one in EVERY if one.quiet) == ATTEMPTS
    assert [one.name for one in EVERY if one.refused] == ["pdf", "duckdb", "rar", "parquet"]
    assert [one.name for one in EVERY if one.keeps] == ["pdf", "chunked", "pcap", "pcap", "wired-tiger", "pg-dump", "clickhouse"]
    assert [one.name for one in EVERY if one.joins] == ["gzip", "zstd", "xz", "bz2", "lz4"]
    in_text = ["base64", "base64", "hex", "hex", *(name for name in ESCAPES[2:] if name != "sql-escape"), "uuencode"]
    assert [one.name for one in EVERY if one.in_text] == in_text
    assert [one.name for one in EVERY if not one.patterns] == [one.name for one in WHOLE]
    assert {one.name: one.looks for one in EVERY if one.looks != 64} == dict.fromkeys(ESCAPES, 256) | {"base64": 256, "lzw": 1024}
    assert {(one.name, before) for one in EVERY if not one.in_text for _, before in one.patterns if before} == {
        ("duckdb", 8),
        ("ascii85", -2),
    }
    assert {before for one in EVERY if one.in_text for _, before in one.patterns} == {-2, -1, 0, 2, 3}  # digits before, in a group of four


def test_what_is_known_and_not_decoded_is_said_at_once():
    for one in (one for one in EVERY if one.refused):
        decoder = one.decoder()
        assert list(decoder.feed(b"anything")) == []
        assert (decoder.ended, decoder.consumed) == (True, 1)
        assert decoder.error


def test_every_kind_that_is_decoded_is_among_the_forms_that_are_searched():
    searched = searched_forms.__wrapped__()
    wide = {"utf-16le", "utf-16be"}
    assert {one.name for one in EVERY if not one.refused} - wide <= set(searched)
    assert {"plain", "upper-case", "mixed-case", "prefix", "suffix", "rows", "utf-16", "xor", "spaced", "base58", "split", "markup"} <= set(
        searched
    )
    assert {"middle", "pglz", "lines", "rot13", "ebcdic"} <= set(searched)
    assert not {"rar", "duckdb", *wide} & set(searched)
    assert len(searched) == len(set(searched))


def test_a_decoder_that_was_given_nothing_has_taken_nothing():
    for one in EVERY:
        decoder = one.decoder()
        assert (decoder.ended, decoder.error, decoder.consumed) == (False, None, 0), one.name
        if not one.refused:
            assert list(decoder.feed(b"")) in ([], [b""]), one.name
            assert (decoder.ended, decoder.error, decoder.consumed) == (False, None, 0), one.name


def test_what_has_a_magic_and_no_sense_ends_every_decoder_without_a_raise():
    for one in EVERY:
        for junk in (b"\x00" * (1 if one.patterns else 64), b"\xff" * 300, b"text of some words " * 40, bytes(range(256)) * 4):
            data = next((pattern for pattern, _ in one.patterns), b"") + junk
            decoder = one.decoder()
            taken = 0
            for at in range(0, len(data), 50):
                if not decoder.ended:
                    assert all(isinstance(piece, bytes) for piece in decoder.feed(data[at : at + 50]))
                    taken += len(data[at : at + 50])
            assert 0 <= decoder.consumed <= max(taken, 1), one.name
            list(decoder.close())
            assert decoder.ended, one.name
            assert list(decoder.close()) == [], one.name
