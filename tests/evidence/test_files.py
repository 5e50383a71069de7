"""Files as evidence: what is found in them, where, and that reading leaves no trace."""

from __future__ import annotations

import base64
import gzip
import os
import socket
import threading
import tracemalloc

import pytest

from fixtures.corpus import plant, plant_twin
from zdr_audit.evidence import files
from zdr_audit.evidence.collector import MAX_HITS
from zdr_audit.evidence.files import read_files
from zdr_audit.evidence.workers import Workers

MIB = 1024 * 1024


def test_every_planted_form_is_found_in_its_file_and_none_in_the_twin(lab, tmp_path):
    planted = list(plant(tmp_path / "leaky", lab.mint.new))
    for leak in planted:
        lab.registry.add(leak.leak.name, leak.canary)
    list(plant_twin(tmp_path / "clean"))

    reading = read_files("logs", tmp_path / "leaky", lab.seeker)
    assert {(hit.object, hit.canary, hit.forms) for hit in reading.hits} == {
        (leak.path, leak.leak.name, leak.leak.forms) for leak in planted
    }
    assert {hit.source for hit in reading.hits} == {"logs"}
    assert not any(hit.residue for hit in reading.hits)
    assert reading.objects == len(planted)

    twin = read_files("logs", tmp_path / "clean", lab.seeker)
    assert (twin.hits, twin.objects) == ((), len(planted))


def test_canaries_that_were_minted_and_sent_nowhere_are_never_found(lab, tmp_path):
    for number in range(500):
        lab.canary(f"never sent {number}")
    list(plant_twin(tmp_path))
    assert read_files("logs", tmp_path, lab.seeker).hits == ()


def test_a_hit_names_file_place_form_canary_and_16_characters(lab, tmp_path):
    canary = lab.canary("one")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "server.log").write_bytes(b"x" * 100 + canary.encode() + b"\n")
    (hit,) = read_files("logs", tmp_path, lab.seeker).hits
    assert hit.model_dump() == {
        "source": "logs",
        "object": "app/server.log",
        "location": "bytes 100-132",
        "forms": ("plain",),
        "canary": "one",
        "residue": False,
        "excerpt": canary[:16],
    }


def test_one_file_can_be_a_source(lab, tmp_path):
    log = tmp_path / "server.log"
    log.write_text(f"line\n{lab.canary('one')}\n")
    reading = read_files("log", log, lab.seeker)
    assert [(hit.object, hit.canary) for hit in reading.hits] == [("server.log", "one")]
    assert (reading.objects, reading.bytes, reading.kind) == (1, 38, "files")


def test_names_of_files_and_folders_and_targets_of_links_are_searched(lab, tmp_path):
    (tmp_path / f"upload-{lab.canary('file')}.pdf").touch()
    (tmp_path / lab.canary("folder").upper()).mkdir()
    (tmp_path / base64.urlsafe_b64encode(lab.canary("encoded").encode()).decode()).touch()
    (tmp_path / "link").symlink_to(lab.canary("link"))
    reading = read_files("blobs", tmp_path, lab.seeker)
    assert {(hit.canary, hit.location) for hit in reading.hits} == {
        ("file", "name"),
        ("folder", "name"),
        ("encoded", "name"),
        ("link", "link target"),
    }


def test_a_missing_root_is_an_error_and_no_clean_reading(lab, tmp_path):
    reading = read_files("logs", tmp_path / "nowhere", lab.seeker)
    assert reading.error is not None
    assert reading.error.endswith("nowhere: No such file or directory")


def test_an_empty_folder_is_a_reading_of_nothing(lab, tmp_path):
    reading = read_files("logs", tmp_path, lab.seeker)
    assert (reading.error, reading.objects, reading.bytes, reading.hits) == (None, 0, 0, ())


def test_what_is_no_regular_file_is_listed_as_not_examined(lab, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # the path of a socket must be short
        listener.bind("socket")
        reading = read_files("run", tmp_path, lab.seeker)
    assert {(item.object, item.reason) for item in reading.not_examined} == {
        ("pipe", "a pipe, which holds no content to read"),
        ("socket", "a socket, which holds no content to read"),
    }


def test_links_are_not_followed_and_those_that_lead_outside_are_listed(lab, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(lab.canary("outside"))
    root = tmp_path / "root"
    root.mkdir()
    (root / "real").write_text(lab.canary("inside"))
    (root / "alias").symlink_to("real")
    (root / "away").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to("loop")
    reading = read_files("logs", root, lab.seeker)
    assert [(hit.object, hit.canary) for hit in reading.hits] == [("real", "inside")]
    noted = {item.object: item.reason for item in reading.not_examined}
    assert noted["away"] == noted["folder"] == "a link that leads outside the source"
    assert "alias" not in noted
    assert set(noted) <= {"away", "folder", "loop"}


def test_a_file_that_has_become_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "log").symlink_to("secret")
    with pytest.raises(OSError, match="symbolic links"):
        files.open_evidence(tmp_path / "log")


def test_an_unreadable_file_or_folder_is_listed_and_the_rest_is_read(lab, tmp_path, monkeypatch):
    (tmp_path / "closed").write_text("x")
    (tmp_path / "locked").mkdir()
    (tmp_path / "open").write_text(lab.canary("open"))
    os.utime(tmp_path / "closed", (1_000_000_000, 1_000_000_000.5))
    os.utime(tmp_path / "locked", (1_000_000_060, 1_000_000_060))
    real_open, real_scan = os.open, os.scandir

    def refuse_file(path, *args, **kwargs):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real_open(path, *args, **kwargs)

    def refuse_folder(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real_scan(path)

    monkeypatch.setattr(files.os, "open", refuse_file)
    monkeypatch.setattr(files.os, "scandir", refuse_folder)
    reading = read_files("logs", tmp_path, lab.seeker)
    assert [hit.canary for hit in reading.hits] == ["open"]
    assert {(item.object, item.reason, item.written) for item in reading.not_examined} == {
        ("closed", "Permission denied", "2001-09-09T01:46:40+00:00"),
        ("locked", "Permission denied", "2001-09-09T01:47:40+00:00"),
    }


def test_what_could_not_be_decoded_is_listed_by_file(lab, tmp_path):
    (tmp_path / "body.gz").write_bytes(gzip.compress(bytes(range(256)) * 50)[:-30])
    (noted,) = read_files("logs", tmp_path, lab.seeker).not_examined
    assert noted.object == "body.gz"
    assert "decoded only in part" in noted.reason


def test_reading_changes_nothing_in_the_evidence(lab, tmp_path, fingerprint):
    list(plant(tmp_path, lab.mint.new))
    before = fingerprint(tmp_path)
    read_files("logs", tmp_path, lab.seeker)
    assert fingerprint(tmp_path) == before


def test_a_name_that_is_no_utf_8_can_be_reported(lab, tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9")).write_text(lab.canary("latin"))
    (hit,) = read_files("logs", tmp_path, lab.seeker).hits
    assert hit.object == "caf\\xe9"
    assert hit.model_dump_json()


def test_progress_is_told_every_byte(lab, tmp_path):
    (tmp_path / "a").write_bytes(bytes(3 * MIB + 5))
    (tmp_path / "b").write_bytes(b"xyz")
    told: list[int] = []
    reading = read_files("logs", tmp_path, lab.seeker, told.append)
    assert sum(told) == reading.bytes == 3 * MIB + 8
    assert max(told) <= MIB


def test_hits_beyond_the_bound_are_counted_and_not_listed(lab, tmp_path):
    canary = lab.canary("flood")
    (tmp_path / "log").write_text(f"{canary}\n" * (MAX_HITS + 25))
    reading = read_files("logs", tmp_path, lab.seeker)
    assert len(reading.hits) == MAX_HITS
    assert reading.not_examined[-1].reason == f"25 more hits are not listed (bound: {MAX_HITS})"


@pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="needs a file system with sparse files")
def test_a_sparse_file_of_200_mb_is_read_in_little_memory(lab, tmp_path):
    path = tmp_path / "core"
    canary = lab.canary("at the end")
    with path.open("wb") as core:
        core.truncate(200_000_000)
        core.seek(199_999_000)
        core.write(canary.encode())
    tracemalloc.start()
    reading = read_files("memory", tmp_path, lab.seeker)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(hit.canary, hit.location) for hit in reading.hits] == [("at the end", "bytes 199999000-199999032")]
    assert reading.bytes == 200_000_000
    assert peak < 16 * MIB


def test_a_root_that_is_a_link_is_read_where_it_leads(lab, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "log").write_text(lab.canary("one"))
    (tmp_path / "current").symlink_to("real")
    reading = read_files("logs", tmp_path / "current", lab.seeker)
    assert [hit.object for hit in reading.hits] == ["log"]


def test_a_file_that_says_it_is_empty_is_looked_into_all_the_same(lab, tmp_path, monkeypatch):
    """As those of /proc do."""
    path = tmp_path / "status"
    path.write_text(lab.canary("shown"))
    monkeypatch.setattr(files.State, "of", classmethod(lambda cls, status: cls(status.st_dev, status.st_ino, 0, status.st_mtime_ns)))
    found = files.search_file(lab.seeker, path, None)
    assert ([seen.canary for seen in found.sightings], found.taken, found.notes) == (["shown"], 32, [])


def test_whoever_is_not_the_owner_reads_without_the_privilege_to_leave_no_trace(lab, tmp_path, monkeypatch):
    (tmp_path / "log").write_text(lab.canary("one"))
    real, asked = os.open, []

    def refuse(path, flags, *more):
        asked.append(flags)
        if flags & os.O_NOATIME:
            raise PermissionError(1, "Operation not permitted")
        return real(path, flags, *more)

    monkeypatch.setattr(files.os, "open", refuse)
    assert [hit.canary for hit in read_files("logs", tmp_path, lab.seeker).hits] == ["one"]
    first, second = asked
    assert first == second | os.O_NOATIME
    assert second & (os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC) == os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def test_a_root_that_is_a_link_to_itself_is_an_error(lab, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    reading = read_files("logs", tmp_path / "loop", lab.seeker)
    assert (reading.error or "").startswith(f"{tmp_path / 'loop'}: ")


def test_the_name_of_a_file_that_is_a_source_is_searched(lab, tmp_path):
    path = tmp_path / lab.canary("name")
    path.touch()
    reading = read_files("log", path, lab.seeker)
    assert [(hit.object, hit.location, hit.canary) for hit in reading.hits] == [(path.name, "name", "name")]
    assert (reading.objects, reading.bytes, reading.not_examined) == (1, 0, ())


def test_a_file_is_read_and_told_in_pieces_of_half_a_mib(lab, tmp_path):
    (tmp_path / "log").write_bytes(bytes(MIB + 5))
    told: list[int] = []
    files.search_file(lab.seeker, tmp_path / "log", told.append)
    assert told == [MIB // 2, MIB // 2, 5]


def test_files_from_a_quarter_of_a_mib_on_are_searched_beside_others(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(Workers.__init__, "__defaults__", (2,))
    sizes = (MIB // 4 - 1, MIB // 4, MIB // 4 + 1)
    for size in sizes:
        (tmp_path / f"{size:09}").write_bytes(bytes(size))
    real, where = files.search_file, []

    def search(seeker, path, progress):
        where.append((int(path.name), threading.current_thread() is threading.main_thread()))
        return real(seeker, path, progress)

    monkeypatch.setattr(files, "search_file", search)
    read_files("logs", tmp_path, lab.seeker)
    assert sorted(where) == [(sizes[0], True), (sizes[1], False), (sizes[2], False)]
