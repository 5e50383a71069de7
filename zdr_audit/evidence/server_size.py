"""How much room a server's data takes, measured cheaply and often: what the growth bound rests on. Only reading is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing

from .server import MissingExtraError, ServerPlace, one_line, secrets_in
from .size import SizeError

# What is written counts twice, in the files of the database and in the log of writes: so that neither free room which is used again, nor a row that
# is deleted at once, nor a table that is not logged goes unnoticed.
_POSTGRES = """
select pg_database_size(current_database())
     + (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end - '0/0'::pg_lsn)::bigint
"""


def server_size(kind: str, place: ServerPlace) -> int:
    """Bytes in use. Raises SizeError where the server cannot be measured."""
    try:
        return _SIZES[kind](place)
    except MissingExtraError as problem:
        raise SizeError(str(problem)) from None
    except Exception as problem:  # clients raise errors of their own and of the system
        raise SizeError(one_line(problem, *secrets_in(place.url))) from None


def _postgres(place: ServerPlace) -> int:
    from .postgres import connect

    with connect(place.url) as connection:
        row = connection.execute(_POSTGRES).fetchone()
    assert row is not None
    return int(row[0])


def _redis(place: ServerPlace) -> int:
    """The memory of the data alone: without the buffers of connections and the tables of keys, which come and go by themselves."""
    from .redis_store import information

    with closing(information(place.url)) as client:
        said = client.execute_command("INFO", "memory")
    for line in said.splitlines():
        name, _, value = line.partition(b":")
        if name == b"used_memory_dataset":
            return int(value)
    raise ValueError("the server does not say how much memory its data take")


def _s3(place: ServerPlace) -> int:
    from .s3 import total_size

    return total_size(place)


def _gcs(place: ServerPlace) -> int:
    from .gcs import total_size

    return total_size(place)


_SIZES: Mapping[str, Callable[[ServerPlace], int]] = {"postgres": _postgres, "redis": _redis, "s3": _s3, "gcs": _gcs}
