"""What a PostgreSQL database consists of: its tables with their columns, and the files in which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

# r: table (partitions too), m: materialized view, f: foreign table. Views, sequences and partitioned parents store nothing.
_TABLES = """
select c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text = 't' and c.relnamespace <> pg_my_temp_schema(),
       has_schema_privilege(n.oid, 'usage'),
       case when n.nspname in ('pg_catalog', 'information_schema') or c.relkind = 'f' then null else concat_ws(
           ' ', pg_relation_size(c.oid), pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid)) end,
       (select array_agg(k.attname::text order by array_position(i.indkey::int2[], k.attnum))
          from pg_index i join pg_attribute k on k.attrelid = c.oid and k.attnum = any (i.indkey::int2[])
         where i.indrelid = c.oid and i.indisprimary)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm', 'f') and c.oid <> 'pg_largeobject'::regclass
 order by n.nspname, c.relname
"""
# A domain is read as what it is made of. Virtual generated columns (kind v) are not stored.
_COLUMNS = """
with recursive bases(domain, type, small) as (
    select oid, oid, typlen > 0 from pg_type where typtype <> 'd'
    union all
    select t.oid, b.type, b.small from pg_type t join bases b on t.typbasetype = b.domain where t.typtype = 'd')
select a.attrelid, a.attname, b.type, b.small, has_column_privilege(a.attrelid, a.attnum, 'select')
  from pg_attribute a join bases b on b.domain = a.atttypid
 where a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
 order by a.attrelid, a.attnum
"""
_FILES = """
select pg_relation_filepath(c.oid), c.relkind::text,
       concat(coalesce(tn.nspname, n.nspname), '.', coalesce(t.relname, c.relname)), c.relname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
       left join pg_index i on i.indexrelid = c.oid
       left join pg_class t on t.oid = i.indrelid or t.reltoastrelid = c.oid
       left join pg_namespace tn on tn.oid = t.relnamespace
 where c.relkind in ('r', 'm', 't', 'i', 'S') and pg_relation_filepath(c.oid) is not null
"""
_TOAST, _INDEX = "t", "i"


@dataclass(frozen=True)
class Column:
    """A column; `type` is the oid of its type, or of what its domain is made of. The values of a `small` type are all of the same few bytes."""

    name: str
    type: int
    small: bool
    readable: bool


@dataclass(frozen=True)
class Table:
    """A table that stores rows. `key` is its primary key, empty where it has none. `mark` becomes another with every row that is written (any role may ask
    for the figures it is made of); None where it says nothing: of the server's own tables and of foreign ones."""

    schema: str
    name: str
    kind: str
    foreign_session: bool
    reachable: bool
    mark: str | None
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Relation:
    """What lies in a file: a table's rows, an index of it, or its values stored apart (TOAST)."""

    title: str
    toast: bool


@dataclass(frozen=True)
class Catalog:
    """`files` is by path below the data directory. `database` is the oid of the one that was read, `others` are names of those that were not."""

    tables: tuple[Table, ...]
    files: dict[str, Relation]
    database: int
    others: tuple[str, ...]
    block: int
    wal_block: int

    @classmethod
    def read(cls, connection: psycopg.Connection[Any]) -> Catalog:
        """Raises psycopg.Error."""
        ask = connection.execute
        columns: dict[int, list[Column]] = {}
        for table, *column in ask(_COLUMNS):
            columns.setdefault(table, []).append(Column(*column))
        tables = tuple(
            Table(schema, name, kind, foreign, reachable, mark, tuple(key or ()), tuple(columns.get(oid, ())))
            for oid, schema, name, kind, foreign, reachable, mark, key in ask(_TABLES)
        )
        files = {}
        for path, kind, title, own in ask(_FILES):
            shown = f"TOAST of {title}" if kind == _TOAST else f"{title}, index {own}" if kind == _INDEX else title
            files[path] = Relation(shown, kind == _TOAST)
        database = ask("select oid from pg_database where datname = current_database()").fetchone()
        others = ask(
            "select datname from pg_database where datname <> current_database() and datallowconn and not datistemplate order by 1"
        )
        blocks = ask("select current_setting('block_size')::int, current_setting('wal_block_size')::int").fetchone()
        if database is None or blocks is None:
            raise ValueError("the server does not say which database this is")
        return cls(tables, files, int(database[0]), tuple(row[0] for row in others), *blocks)
