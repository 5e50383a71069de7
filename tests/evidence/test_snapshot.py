"""Private copies: those that exist, as they are, tried again while they change, and gone afterwards."""

from __future__ import annotations

import os

import pytest

from zdr_audit.evidence import snapshot
from zdr_audit.evidence.files import CHUNK
from zdr_audit.evidence.snapshot import private_copies


def test_what_exists_is_copied_under_its_own_name_and_removed(tmp_path):
    paths = [tmp_path / "app.db", tmp_path / "app.db-wal"]
    content = os.urandom(2 * CHUNK + 7)
    paths[0].write_bytes(content)
    with private_copies(paths) as (copies, steady):
        assert (list(copies), steady) == ([paths[0]], True)
        copy = copies[paths[0]]
        assert (copy.name, copy.read_bytes(), copy.parent != tmp_path) == ("app.db", content, True)
    assert not copy.parent.exists()


@pytest.mark.parametrize(("changes", "steady"), [(0, True), (1, True), (4, True), (5, False), (9, False)])
def test_a_file_that_changes_is_copied_again_up_to_five_times(tmp_path, monkeypatch, changes, steady):
    path = tmp_path / "app.db"
    path.write_text("0")
    real, copied = snapshot._copy, []

    def copy(source, target):
        done = real(source, target)
        copied.append(source)
        if len(copied) <= changes:
            source.write_text("x" * (len(copied) + 1))
        return done

    monkeypatch.setattr(snapshot, "_copy", copy)
    with private_copies([path]) as (copies, stood_still):
        assert stood_still == steady
        assert len(copied) == min(changes + 1, 5)
        assert copies[path].exists()


def test_a_log_that_vanishes_before_it_is_copied_is_left_out(tmp_path, monkeypatch):
    path, log = tmp_path / "app.db", tmp_path / "app.db-wal"
    path.write_text("x")
    log.write_text("y")
    real = snapshot.open_evidence

    def late(source):
        log.unlink(missing_ok=True)
        return real(source)

    monkeypatch.setattr(snapshot, "open_evidence", late)
    with private_copies([path, log]) as (copies, steady):
        assert (list(copies), steady) == ([path], True)


def test_a_file_that_cannot_be_read_is_an_error_and_nothing_is_left(tmp_path, monkeypatch):
    path = tmp_path / "app.db"
    path.write_text("x")
    monkeypatch.setattr(snapshot.tempfile, "tempdir", str(tmp_path))

    def refuse(_source):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(snapshot, "open_evidence", refuse)
    with pytest.raises(PermissionError), private_copies([path]):
        raise AssertionError("unreachable")
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.db"]
