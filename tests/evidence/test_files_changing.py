"""Files that change, vanish or cannot be read while they are read as evidence."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence import files
from zdr_audit.evidence.files import read_files

MIB = 1024 * 1024


class Meddler(Seeker):
    """A seeker that does something to the evidence when a certain file has been read for the first time."""

    def __init__(self, seeker: Seeker, marker: bytes, act) -> None:
        self.__dict__.update(seeker.__dict__)
        self.marker, self.act = marker, act

    def search(self, data, on_note=None):
        yield from super().search(self.watched(data), on_note)

    def watched(self, data):
        met = False
        for chunk in [data] if isinstance(data, bytes) else data:
            met |= self.marker in chunk
            yield chunk
        if met and self.act is not None:
            act, self.act = self.act, None
            act()


def test_a_log_rotated_behind_the_readers_back_is_still_read(lab, tmp_path):
    (tmp_path / "a.log").write_text("MARK")
    (tmp_path / "b.log").write_text(lab.canary("rotated"))
    seeker = Meddler(lab.seeker, b"MARK", lambda: (tmp_path / "b.log").rename(tmp_path / "a.log.1"))
    reading = read_files("logs", tmp_path, seeker)
    assert [(hit.object, hit.canary) for hit in reading.hits] == [("a.log.1", "rotated")]
    assert reading.not_examined == ()


def test_what_moves_into_a_file_read_before_is_still_read(lab, tmp_path):
    (tmp_path / "a.db").write_text("MARK")
    (tmp_path / "b.db-wal").write_text(lab.canary("checkpointed"))

    def checkpoint() -> None:
        (tmp_path / "a.db").write_text((tmp_path / "b.db-wal").read_text())
        (tmp_path / "b.db-wal").write_text("")

    reading = read_files("data", tmp_path, Meddler(lab.seeker, b"MARK", checkpoint))
    assert [(hit.object, hit.canary) for hit in reading.hits] == [("a.db", "checkpointed")]


def test_a_file_that_vanishes_before_it_is_read_is_listed(lab, tmp_path):
    (tmp_path / "a").write_text("MARK")
    (tmp_path / "b").write_text("soon gone")
    reading = read_files("tmp", tmp_path, Meddler(lab.seeker, b"MARK", (tmp_path / "b").unlink))
    assert [(item.object, item.reason) for item in reading.not_examined] == [("b", "vanished before it could be read")]
    assert reading.error is None


def test_a_file_cut_while_it_is_read_is_listed(lab, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"MARK" + bytes(3 * MIB))

    class Cutter(Seeker):
        def search(self, data, on_note=None):
            for number, chunk in enumerate([data] if isinstance(data, bytes) else data):
                if number == 0 and b"MARK" in chunk:
                    os.truncate(path, MIB)
                yield from super().search(chunk, on_note)

    seeker = Cutter.__new__(Cutter)
    seeker.__dict__.update(lab.seeker.__dict__)
    (noted,) = read_files("tmp", tmp_path, seeker).not_examined
    assert noted.reason == f"only {MIB} of {3 * MIB + 4} bytes could be read: it shrank meanwhile"


def test_a_file_that_grows_for_ever_is_read_to_where_it_was(lab, tmp_path):
    path = tmp_path / "busy.log"
    path.write_text(lab.canary("busy") + "\n")

    def grow(_bytes: int) -> None:
        with path.open("a") as log:
            log.write("another line\n" * 10)

    reading = read_files("logs", tmp_path, lab.seeker, grow)
    assert [hit.canary for hit in reading.hits] == ["busy"]
    assert reading.objects == 1


@pytest.mark.parametrize("said", [0, 1, 512 * 1024])
def test_of_a_file_that_grew_no_more_than_the_piece_is_read_in_which_it_ended(lab, tmp_path, monkeypatch, said):
    path = tmp_path / "busy.log"
    path.write_bytes(bytes(512 * 1024) + lab.canary("later").encode())
    monkeypatch.setattr(files.State, "of", classmethod(lambda cls, status: cls(status.st_dev, status.st_ino, said, status.st_mtime_ns)))
    found = files.search_file(lab.seeker, path, None)
    assert (found.taken, found.sightings, found.notes) == (512 * 1024, [], [])


@pytest.mark.parametrize("changes", [0, 1, 2, 5])
def test_a_folder_that_changes_is_looked_at_three_times_at_most(lab, tmp_path, monkeypatch, changes):
    (tmp_path / "log").write_text("x")
    real, looks = files._Tree._walk, []

    def walk(tree):
        looks.append(None)
        if len(looks) <= changes:
            (tmp_path / "log").write_text("x" * (len(looks) + 1))
        yield from real(tree)

    monkeypatch.setattr(files._Tree, "_walk", walk)
    read_files("logs", tmp_path, lab.seeker)
    assert len(looks) == min(3, max(changes + 1, 2))


def seen_as(monkeypatch, look) -> None:
    """Entries of folders are what `look` says of them."""
    real = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry) -> None:
            self.name, self.inode, self._entry = entry.name, entry.inode, entry

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            assert not follow_symlinks
            return look(self._entry)

    class Listing:
        def __init__(self, path) -> None:
            self._real = real(path)

        def __enter__(self):
            return [Entry(entry) for entry in self._real]

        def __exit__(self, *_: object) -> None:
            self._real.close()

        close = __exit__

    monkeypatch.setattr(files.os, "scandir", Listing)


@pytest.mark.parametrize(
    ("problem", "noted"),
    [
        (PermissionError(13, "Permission denied"), [("b", "Permission denied")]),
        (FileNotFoundError(2, "No such file or directory"), [("b", "vanished before it could be read")]),
    ],
)
def test_an_entry_that_cannot_be_looked_at_is_listed_and_the_rest_is_read(lab, tmp_path, monkeypatch, problem, noted):
    for name in "abc":
        (tmp_path / name).write_text(lab.canary(name))

    def look(entry: os.DirEntry) -> os.stat_result:
        if entry.name == "b":
            raise problem
        return entry.stat(follow_symlinks=False)

    seen_as(monkeypatch, look)
    reading = read_files("logs", tmp_path, lab.seeker)
    assert {hit.canary for hit in reading.hits} == {"a", "c"}
    assert [(note.object, note.reason) for note in reading.not_examined] == noted


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (stat.S_IFIFO, "a pipe"),
        (stat.S_IFSOCK, "a socket"),
        (stat.S_IFBLK, "a device"),
        (stat.S_IFCHR, "a device"),
        (0, "no regular file"),
    ],
)
def test_what_holds_no_content_is_listed_by_its_kind(lab, tmp_path, monkeypatch, kind, words):
    (tmp_path / "entry").write_text(lab.canary("one"))
    seen_as(monkeypatch, lambda entry: os.stat_result((kind | 0o600, *entry.stat()[1:])))
    reading = read_files("run", tmp_path, lab.seeker)
    assert [(note.object, note.reason) for note in reading.not_examined] == [("entry", f"{words}, which holds no content to read")]
    assert (reading.hits, reading.objects) == ((), 0)


def test_what_vanishes_while_a_folder_is_listed_is_looked_for_under_other_names(lab, tmp_path, monkeypatch):
    (tmp_path / "a.log").write_text(lab.canary("rotated"))
    gone: list[str] = []

    def look(entry: os.DirEntry) -> os.stat_result:
        if entry.name == "a.log" and not gone:
            gone.append(entry.name)
            (tmp_path / "a.log").rename(tmp_path / "a.log.1")
            raise FileNotFoundError(2, "No such file or directory")
        return entry.stat(follow_symlinks=False)

    seen_as(monkeypatch, look)
    reading = read_files("logs", tmp_path, lab.seeker)
    assert [(hit.object, hit.canary) for hit in reading.hits] == [("a.log.1", "rotated")]
    assert reading.not_examined == ()


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (FileNotFoundError(2, "No such file"), "vanished before it could be read"),
    ],
)
@pytest.mark.parametrize("folder", [".", "inner"])
def test_a_folder_that_can_no_longer_be_listed_is_named(lab, tmp_path, monkeypatch, problem, words, folder):
    (tmp_path / "inner").mkdir()
    real, lists = os.scandir, []

    def scan(path):
        lists.append(path)
        if len(lists) > 1 and path == tmp_path / folder:  # the first only looks whether it can be read
            raise problem
        return real(path)

    monkeypatch.setattr(files.os, "scandir", scan)
    assert [(note.object, note.reason) for note in read_files("logs", tmp_path, lab.seeker).not_examined] == [(folder, words)]


def test_a_link_that_cannot_be_followed_is_listed(lab, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to("nowhere")

    def refuse(_path: Path) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "readlink", refuse)
    (note,) = read_files("logs", tmp_path, lab.seeker).not_examined
    assert (note.object, note.reason) == ("link", "a link that cannot be followed: Input/output error")
