"""Where the prompt cache keeps its rows: a SQLite file of its own, or a Redis server that several nodes share."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Engine, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from zdr_audit.simulator.database import engine, make_tables, scrub
from zdr_audit.simulator.tables import CacheBase, CacheRow


@dataclass(frozen=True)
class Row:
    """A prompt prefix of an organization, by its digest, until `expires_at` (simulated time); `seconds` from now."""

    organization: str
    key: str
    value: str
    expires_at: str
    seconds: int


class CacheStore(Protocol):
    def expiry(self, organization: str, key: str) -> str | None:
        """When the row expires; None where there is none."""

    def put(self, rows: Iterable[Row]) -> None: ...

    def forget(self, organization: str) -> int:
        """Deletes every row of an organization; answers how many."""

    def expire(self, now: str) -> int:
        """Deletes what has expired; answers how many rows."""

    def scrub(self) -> None:
        """Makes what was deleted unrecoverable."""

    def close(self) -> None: ...


_EXPIRY = select(CacheRow.expires_at).where(CacheRow.key == bindparam("key"), CacheRow.organization == bindparam("organization"))
_INSERT = insert(CacheRow)
_PUT = _INSERT.on_conflict_do_update(
    index_elements=[CacheRow.key, CacheRow.organization],
    set_={"value": _INSERT.excluded.value, "expires_at": _INSERT.excluded.expires_at},
)


class SqlCache:
    def __init__(self, url: str):
        self.engine: Engine = engine(url)
        make_tables(self.engine, CacheBase.metadata)
        self._writer = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._writer, Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def expiry(self, organization: str, key: str) -> str | None:
        with self._writer, self.engine.connect() as connection:
            found = connection.execute(_EXPIRY, {"key": key, "organization": organization}).first()
        return found[0] if found else None

    def put(self, rows: Iterable[Row]) -> None:
        with self._writer, self.engine.begin() as connection:
            for row in rows:
                values = {"key": row.key, "organization": row.organization, "value": row.value, "expires_at": row.expires_at}
                connection.execute(_PUT, values)

    def forget(self, organization: str) -> int:
        with self.transaction() as session:
            return int(getattr(session.execute(delete(CacheRow).where(CacheRow.organization == organization)), "rowcount", 0))

    def expire(self, now: str) -> int:
        with self.transaction() as session:
            return int(getattr(session.execute(delete(CacheRow).where(CacheRow.expires_at <= now)), "rowcount", 0))

    def scrub(self) -> None:
        with self._writer:
            scrub(self.engine, CacheBase.metadata)

    def close(self) -> None:
        self.engine.dispose()


class PersistentCacheError(ValueError):
    """A Redis server that writes to disk: what is deleted in memory would stay in its files."""


class RedisCache:
    """A hash a row, `prompt_cache:<organization>:<digest>`, which Redis itself forgets when its time is over; the simulated clock may be faster."""

    def __init__(self, url: str):
        import redis

        self.client: Any = redis.Redis.from_url(url, decode_responses=True, socket_timeout=20, socket_connect_timeout=20)
        if self.client.config_get("save").get("save") or self.client.config_get("appendonly").get("appendonly") != "no":
            raise PersistentCacheError("the Redis server of the prompt cache must not write to disk (save and appendonly off)")

    @staticmethod
    def name(organization: str, key: str) -> str:
        return f"prompt_cache:{organization}:{key}"

    def expiry(self, organization: str, key: str) -> str | None:
        found: str | None = self.client.hget(self.name(organization, key), "expires_at")
        return found

    def put(self, rows: Iterable[Row]) -> None:
        with self.client.pipeline(transaction=True) as pipeline:
            for row in rows:
                name = self.name(row.organization, row.key)
                pipeline.hset(name, mapping={"value": row.value, "expires_at": row.expires_at})
                pipeline.expire(name, row.seconds)
            pipeline.execute()

    def forget(self, organization: str) -> int:
        return sum(int(self.client.delete(name)) for name in self.client.scan_iter(match=self.name(organization, "*"), count=1000))

    def expire(self, now: str) -> int:
        gone = 0
        for name in self.client.scan_iter(match="prompt_cache:*", count=1000):
            until = self.client.hget(name, "expires_at")
            if until is not None and until <= now:
                gone += int(self.client.delete(name))
        return gone

    def scrub(self) -> None:
        """Nothing is left of a deleted key in a server that writes nothing to disk."""

    def close(self) -> None:
        self.client.close()
