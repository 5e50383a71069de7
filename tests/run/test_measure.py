"""The room that sources take, whatever their kind; what cannot be measured is left out, and so bounds nothing."""

from __future__ import annotations

import sys

import pytest

from zdr_audit.profile.evidence import Evidence
from zdr_audit.run import measure
from zdr_audit.run.measure import measured


def source(**keys) -> Evidence:
    return Evidence.model_validate({"id": keys["kind"], "what": "something", **keys})


def test_files_commands_and_what_packages_add_are_measured(tmp_path, monkeypatch):
    (tmp_path / "log").write_bytes(b"x" * 30)
    monkeypatch.setattr(measure, "more_sizes", lambda: {"shelf": lambda options: int(options["thick"])})
    sources = (
        source(kind="files", path=str(tmp_path)),
        source(kind="command", command=[sys.executable, "-c", "print('x' * 9)"]),
        source(kind="extension", reader="shelf", options={"thick": "7"}),
        source(kind="http", operation="export.list"),
    )
    assert measured(sources, {}) == {"files": 30, "command": 10, "extension": 7}


def _breaks(options):
    raise LookupError("no shelf")


@pytest.mark.parametrize("sizes", [{}, {"shelf": _breaks}, {"shelf": lambda _: "7"}, {"shelf": lambda _: -1}, {"shelf": lambda _: True}])
def test_a_package_that_gives_no_size_has_measured_nothing(monkeypatch, sizes):
    monkeypatch.setattr(measure, "more_sizes", lambda: sizes)
    assert measured((source(kind="extension", reader="shelf"),), {}) == {}


def test_what_is_not_there_is_left_out(tmp_path):
    sources = (source(kind="command", command=["no-such-program-anywhere"]), source(kind="sqlite", path=str(tmp_path / "gone.db")))
    assert measured(sources, {}) == {}
