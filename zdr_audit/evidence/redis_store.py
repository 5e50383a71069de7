"""Evidence in a Redis server: every key of every database, what the server remembers besides, and its files where their folder is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from zdr_audit.canary.seeker import Seeker

from .collector import Collector
from .model import Reading
from .server import MissingExtraError, ServerPlace, Values, one_line, secrets_in, with_files

_SECONDS = 30


def read_redis(source_id: str, place: ServerPlace, seeker: Seeker, progress: Callable[[int], None] | None = None) -> Reading:
    """Search a server: `place.url` is a redis://, rediss:// or unix:// URL, `place.data_dir` the folder with its RDB and AOF files.

    Only commands that read are sent. The keys' idle times stay as they are where the server knows CLIENT NO-TOUCH (7.2); before, reading a
    key counts as using it. Redis has no snapshots: a key that comes while others are read is left to the next reading. `objects` counts keys
    and files, `bytes` what was read of them. Hits name database and key, and the place in the value.
    """
    collector = Collector(source_id, "redis", seeker)
    values = Values(collector)
    secrets = secrets_in(place.url)
    try:
        _read(values, place.url, progress)
    except MissingExtraError as problem:
        return collector.reading(error=str(problem))
    except Exception as problem:  # the client raises errors of its own, of the system and of its parsers
        values.flush()
        return collector.reading(error=one_line(problem, *secrets))
    reading = collector.reading()
    return reading if place.data_dir is None else with_files(reading, place.data_dir, values, progress)


def _read(values: Values, url: str, progress: Callable[[int], None] | None) -> None:
    try:
        import redis
    except ImportError:
        raise MissingExtraError("redis") from None
    from .redis_keys import Database
    from .redis_memory import read_memory

    with _connected(redis, url, None) as first:
        # First of all: afterwards these would show what the reading itself asked.
        read_memory(values, first)
        numbers = list(_databases(values, first))
    for number in numbers:
        with _connected(redis, url, number) as client:
            Database(values, client, number, progress).read()
    values.flush()


def information(url: str) -> Any:
    """A client to ask the server about itself. Raises MissingExtraError and the client's own errors."""
    try:
        import redis
    except ImportError:
        raise MissingExtraError("redis") from None
    return _connected(redis, url, None)


def _connected(library: Any, url: str, number: int | None) -> Any:
    """A client with one connection, to the URL's own database or to database `number`."""
    pool = library.ConnectionPool.from_url(
        url,
        max_connections=1,
        protocol=2,
        decode_responses=False,
        driver_info=None,
        socket_timeout=_SECONDS,
        socket_connect_timeout=_SECONDS,
    )
    if number is not None:
        pool.connection_kwargs["db"] = number
    client: Any = library.Redis.from_pool(pool)
    # Answers as they came: the library's own shapes drop fields of the same name, and differ from version to version.
    client.response_callbacks.clear()
    try:
        client.execute_command("CLIENT", "NO-TOUCH", "ON")
    except library.ResponseError:  # an older server, or a user who may not
        pass
    except BaseException:
        client.close()
        raise
    return client


def _databases(values: Values, client: Any) -> Iterator[int]:
    from redis.exceptions import ResponseError

    own = int(client.connection_pool.connection_kwargs.get("db") or 0)
    try:
        if b"cluster_enabled:1" in client.execute_command("INFO", "cluster"):
            values.collector.not_examined("cluster", "only this node was read; name each node as a source of its own")
        keyspace = client.execute_command("INFO", "keyspace")
    except ResponseError as problem:
        values.collector.not_examined(f"databases other than {own}", f"they cannot be listed: {one_line(problem)}")
        yield own
        return
    yield from sorted(int(number) for number in re.findall(rb"^db(\d+):", keyspace, re.MULTILINE))
