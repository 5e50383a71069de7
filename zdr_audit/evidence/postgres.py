"""Evidence in a PostgreSQL database: its live rows through SQL, and its files where the data directory is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zdr_audit.canary.seeker import Seeker

from .collector import Collector
from .model import Reading
from .server import MissingExtraError, ServerPlace, Values, one_line, secrets_in

if TYPE_CHECKING:
    import psycopg

_SETTINGS = {
    "default_transaction_read_only": "on",
    "search_path": "pg_catalog,pg_temp",  # no object of the database's own can stand in for a function that is used here
    "row_security": "off",  # a policy that would hide rows makes the query fail instead
    "synchronize_seqscans": "off",  # rows come in the order in which they are stored
    "lock_timeout": "10s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "datestyle": "ISO",
    "bytea_output": "hex",
}


def read_postgres(source_id: str, place: ServerPlace, seeker: Seeker, progress: Callable[[int], None] | None = None) -> Reading:
    """Search the database that `place.url` names (a postgresql:// URL or `key=value` words), and the server's files in `place.data_dir`.

    One REPEATABLE READ READ ONLY transaction reads every table, materialized view and large object. Live hits name schema.table, row
    (primary key, else ctid) and column; their byte range is that of the value as text, or of the bytes of a bytea. With a data directory the
    files are read first, because PostgreSQL itself may tidy up a page when it reads it; what they hold and no row shows is `residue`. What
    was deleted and is not yet written to disk lies in the log of writes. `objects` counts tables, large objects and files.
    """
    collector = Collector(source_id, "postgres", seeker)
    values = Values(collector)
    secrets = secrets_in(place.url)
    try:
        with connect(place.url) as connection:
            _read(values, connection, place, progress)
    except MissingExtraError as problem:
        return collector.reading(error=str(problem))
    except Exception as problem:  # the client raises errors of its own and of the system
        values.flush()
        return collector.reading(error=one_line(problem, *secrets))
    return collector.reading()


def connect(dsn: str) -> psycopg.Connection[Any]:
    """A connection whose transactions can only read. Raises MissingExtraError, psycopg.Error."""
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("postgres") from None
    if not dsn.strip():
        raise ValueError("no DSN is given")
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    connection = psycopg.connect(dsn, options=options, connect_timeout=30, application_name="zdr-audit", prepare_threshold=None)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _read(values: Values, connection: psycopg.Connection[Any], place: ServerPlace, progress: Callable[[int], None] | None) -> None:
    from .postgres_catalog import Catalog
    from .postgres_files import DataDirectory
    from .postgres_rows import Rows

    catalog = Catalog.read(connection)
    files = None
    if place.data_dir is not None:
        files = DataDirectory(values, place.data_dir, catalog, progress)
        files.search()
    rows = Rows(values, connection, progress, files=files is not None)
    rows.read(catalog)
    if files is not None:
        files.report(rows.unread)
