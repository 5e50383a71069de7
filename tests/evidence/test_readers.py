from __future__ import annotations

import sqlite3

from zdr_audit.evidence.registry import READERS


def test_every_kind_on_disk_has_a_reader_that_reads(lab, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.log").write_text(lab.canary("file"))
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("create table bodies (body)")
        connection.execute("insert into bodies values (?)", (lab.canary("row"),))
    connection.close()
    paths = {"files": (tmp_path / "tree", "file"), "sqlite": (tmp_path / "app.db", "row")}
    assert set(READERS) == set(paths)
    for kind, (path, canary) in paths.items():
        reading = READERS[kind]("source", path, lab.seeker, None)
        assert (reading.kind, [hit.canary for hit in reading.hits]) == (kind, [canary])
