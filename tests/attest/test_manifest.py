"""The manifest has one form for one content, and says what differs from it."""

from __future__ import annotations

import pytest

from zdr_audit.attest import manifest, remake

FILES = {"a": b"one", "b": b"two"}
DIGESTS = {name: manifest.sha256(content) for name, content in FILES.items()}


def test_what_was_rendered_is_read_back() -> None:
    assert manifest.parse(manifest.render(DIGESTS)) == DIGESTS


def test_the_order_of_files_changes_nothing() -> None:
    assert manifest.render(dict(reversed(DIGESTS.items()))) == manifest.render(DIGESTS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"files": []}',
        b"\xff",
        b"[" * 100_000,
        manifest.render(DIGESTS) + b"\n",
        manifest.render(DIGESTS).replace(b"  ", b" "),
    ],
    ids=["empty", "cut", "list", "no files", "files a list", "not text", "nested", "longer", "respaced"],
)
def test_anything_else_is_damaged(content: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        manifest.parse(content)


def test_missing_extra_and_changed_files_are_each_named() -> None:
    assert manifest.differences(DIGESTS, {"b": b"other", "c": b"new"}) == [
        "a: missing",
        "c: not part of the pack",
        "b: changed (its SHA-256 is not the recorded one)",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.json", "json"),
        ("report.html", "html"),
        ("report.sarif", "sarif"),
        ("report-letter.pdf", "letter"),
        ("junit.xml", "junit"),
        ("oscal-assessment-plan.json", "oscal"),
    ],
)
def test_each_report_file_has_a_format(name: str, expected: str) -> None:
    assert remake.format_of(name) == expected
    assert expected in manifest.FORMATS
