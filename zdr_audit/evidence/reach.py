"""Whether a server or a bucket can be reached at all: asked before a run sends anything, at the cost of one small question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing

from .server import ServerPlace, one_line, secrets_in


def unreachable(kind: str, place: ServerPlace) -> str | None:
    """Why not, in one line; None where it answers."""
    try:
        _ASK[kind](place)
    except Exception as problem:  # clients raise errors of their own and of the system
        return one_line(problem, *secrets_in(place.url), *(place.credentials or ()))
    return None


def _postgres(place: ServerPlace) -> None:
    from .postgres import connect

    with connect(place.url) as connection:
        connection.execute("select 1")


def _redis(place: ServerPlace) -> None:
    from .redis_store import information

    with closing(information(place.url)) as client:
        client.execute_command("PING")


def _s3(place: ServerPlace) -> None:
    from .s3 import first_key

    first_key(place)


def _gcs(place: ServerPlace) -> None:
    from .gcs import first_name

    first_name(place)


_ASK: Mapping[str, Callable[[ServerPlace], None]] = {"postgres": _postgres, "redis": _redis, "s3": _s3, "gcs": _gcs}
