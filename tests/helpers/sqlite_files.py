"""SQLite databases for tests, and what a reading of one says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from zdr_audit.evidence.model import Reading


def connect(path: Path, **options) -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, **options)
    connection.execute("pragma secure_delete = off")
    return closing(connection)


def fill(path: Path, *values: object, ddl: str = "create table bodies (id integer primary key, body)") -> None:
    with connect(path) as connection:
        connection.execute(ddl)
        connection.executemany("insert into bodies (body) values (?)", [(value,) for value in values])


def residue(reading: Reading) -> dict[str | None, str]:
    return {hit.canary: hit.location for hit in reading.hits if hit.residue}


def live(reading: Reading) -> dict[str | None, str]:
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits if not hit.residue}
