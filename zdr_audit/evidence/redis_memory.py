"""What a Redis server remembers beside its keys: slow commands, connections, refused commands, channels, functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .server import Values, one_line

_MEMORY: dict[str, tuple[str | int, ...]] = {
    "slow log": ("SLOWLOG", "GET", -1),
    "connections": ("CLIENT", "LIST"),
    "log of refused commands": ("ACL", "LOG", 1_000_000),
    "channels": ("PUBSUB", "CHANNELS"),
    "functions": ("FUNCTION", "LIST", "WITHCODE"),
}
_UNKNOWN = ("unknown command", "unknown subcommand", "syntax error")


def read_memory(values: Values, client: Any) -> None:
    """Search each of them. One that the server does not know holds nothing; one that it refuses is noted as not examined."""
    from redis.exceptions import ResponseError

    for name, command in _MEMORY.items():
        try:
            entries = client.execute_command(*command)
        except ResponseError as problem:
            if not any(words in str(problem).lower() for words in _UNKNOWN):
                values.collector.not_examined(name, one_line(problem))
            continue
        for number, entry in enumerate(_entries(entries)):
            label = f"entry {entry[0]}" if name == "slow log" and isinstance(entry, list) and entry else f"entry {number}"
            for part, text in enumerate(_texts(entry)):
                values.add(name, f"{label}, part {part}", text)
    values.flush()


def _entries(answer: Any) -> Iterable[Any]:
    if isinstance(answer, bytes):
        return answer.splitlines()
    return answer if isinstance(answer, list) else ()


def _texts(entry: Any) -> Iterable[bytes]:
    if isinstance(entry, bytes):
        yield entry
    elif isinstance(entry, list):
        for item in entry:
            yield from _texts(item)
