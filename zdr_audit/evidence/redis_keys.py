"""The keys of one Redis database, whatever their type."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zdr_audit.canary.rdb import RdbDecoder
from zdr_audit.canary.search import STOPPED

from .collector import byte_range
from .server import Values, named, one_line
from .units import KIB, MIB

_STEP = 256  # keys or elements
_PIECE = 256 * KIB
_MAX_DUMP = 64 * MIB
_ROUNDS = 3  # that a cursor came back so often is no chance: while a table is made smaller, one may come twice
_TIMES_OVER = 16  # keys may come twice; more than this times all that there are, never
_SIZES = {"SCAN": "DBSIZE", "SSCAN": "SCARD", "ZSCAN": "ZCARD", "HSCAN": "HLEN"}


class Database:
    """Reads one database. Large strings come in pieces, collections in steps; a single element is held whole."""

    def __init__(self, values: Values, client: Any, number: int, progress: Callable[[int], None] | None) -> None:
        self._values, self._client, self._number, self._progress = values, client, number, progress
        self._readers: dict[bytes, Callable[[bytes, str], None]] = {
            b"list": self._list,
            b"set": self._set,
            b"zset": self._sorted_set,
            b"hash": self._hash,
            b"stream": self._stream,
        }

    def read(self) -> None:
        """Search every key. What the server refuses is noted, and the rest read on. Raises redis.RedisError when the connection ends."""
        met: set[bytes] = set()
        for keys in self._steps("SCAN", f"database {self._number}"):
            # SCAN may give a key twice; remembering those of the last step spares most second looks, and a second look does no harm.
            self._read_keys([key for key in dict.fromkeys(keys) if key not in met])
            met = set(keys)
        self._values.flush()

    def _steps(self, command: str, name: str, *key: bytes) -> Iterator[list[bytes]]:
        """All that is in it, in steps. A server that never comes to the end is left, which makes the reading one that failed."""
        cursor, marked, rounds, given, enough = b"0", b"0", 0, 0, _TIMES_OVER * _STEP
        for step in itertools.count(1):
            cursor, found = self._client.execute_command(command, *key, cursor, "COUNT", _STEP)
            yield found
            if cursor == b"0":
                return
            rounds += cursor == marked
            given += len(found)
            if given > enough:
                enough = _TIMES_OVER * (_STEP + 2 * int(self._client.execute_command(_SIZES[command], *key)))
            if rounds >= _ROUNDS or given > enough:
                self._values.collector.not_examined(name, f"{STOPPED}: {command} came to no end in {step} steps")
                return
            if step & (step - 1) == 0:  # the mark moves on further each time, so that a circle of any length comes round to it
                marked, rounds = cursor, 0

    def _read_keys(self, keys: list[bytes]) -> None:
        from redis.exceptions import ResponseError

        strings: list[bytes] = []
        for key, kind in zip(keys, self._ask(("TYPE", key) for key in keys), strict=True):
            name = self._name(key)
            self._values.add(name, "name", key)
            if isinstance(kind, ResponseError):
                self._closed(name, one_line(kind))
                continue
            if kind == b"none":  # expired or deleted meanwhile
                continue
            self._values.collector.objects += 1
            if kind == b"string":
                strings.append(key)
                continue
            try:
                self._readers.get(kind, self._other)(key, name)
            except ResponseError as problem:
                self._closed(name, f"cannot be read as the {kind.decode('utf-8', 'replace')} it is: {one_line(problem)}")
        for key, value in zip(strings, self._ask(("GETRANGE", key, 0, _PIECE - 1) for key in strings), strict=True):
            self._string(key, value)

    def _ask(self, commands: Iterable[tuple[Any, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        return answers

    def _closed(self, name: str, why: str) -> None:
        """A key that this user may not look into: there is no telling when it was written, but whether it is a new one."""
        self._values.collector.not_examined(name, why, mark="")

    def _name(self, key: bytes) -> str:
        return f"database {self._number}, key {named(key)}"

    def _add(self, name: str, place: str, value: bytes) -> None:
        self._values.add(name, place, value)
        if self._progress is not None:
            self._progress(len(value))

    def _string(self, key: bytes, start: Any) -> None:
        name = self._name(key)
        if isinstance(start, Exception):
            self._closed(name, one_line(start))
        elif len(start) < _PIECE:
            self._add(name, "value", start)
        else:
            self._values.search(name, "value", self._pieces(key, start))

    def _pieces(self, key: bytes, piece: bytes) -> Iterator[bytes]:
        at = 0
        while piece:
            self._values.collector.bytes += len(piece)
            if self._progress is not None:
                self._progress(len(piece))
            yield piece
            at += len(piece)
            piece = self._client.execute_command("GETRANGE", key, at, at + _PIECE - 1) if len(piece) == _PIECE else b""

    def _list(self, key: bytes, name: str) -> None:
        start = 0
        while elements := self._client.execute_command("LRANGE", key, start, start + _STEP):
            for number, element in enumerate(elements, start):
                self._add(name, f"element {number}", element)
            start += len(elements)

    def _set(self, key: bytes, name: str) -> None:
        for members in self._steps("SSCAN", name, key):
            for member in members:
                self._add(name, f"member {named(member)}", member)

    def _sorted_set(self, key: bytes, name: str) -> None:
        for found in self._steps("ZSCAN", name, key):
            for member, score in _pairs(found):
                self._add(name, f"member of score {named(score)}", member)

    def _hash(self, key: bytes, name: str) -> None:
        for found in self._steps("HSCAN", name, key):
            for field, value in _pairs(found):
                self._add(name, "field name", field)
                self._add(name, f"field {named(field)}", value)

    def _stream(self, key: bytes, name: str) -> None:
        start = "-"
        while entries := self._client.execute_command("XRANGE", key, start, "+", "COUNT", _STEP):
            for number, fields in entries:
                label = f"entry {number.decode()}"
                for field, value in _pairs(fields or []):
                    self._add(name, f"{label}, field name", field)
                    self._add(name, f"{label}, field {named(field)}", value)
            milliseconds, _, sequence = entries[-1][0].decode().partition("-")
            start = f"{milliseconds}-{int(sequence) + 1}"
        for group in self._client.execute_command("XINFO", "GROUPS", key):
            group_name = dict(_pairs(group))[b"name"]
            self._add(name, "consumer group name", group_name)
            for consumer in self._client.execute_command("XINFO", "CONSUMERS", key, group_name):
                self._add(name, f"consumer name in group {named(group_name)}", dict(_pairs(consumer))[b"name"])
        self._values.flush()
        # Deleted entries are only marked as such, until the node of the stream in which they lie is rewritten or freed.
        self._dumped(key, name, "stored form of the stream", only_remains=True)

    def read_stored_form(self, key: bytes) -> None:
        """Search a value as the server would save it: for types that only a module knows."""
        self._dumped(key, self._name(key), "stored form", only_remains=False)

    def _other(self, key: bytes, _name: str) -> None:
        self.read_stored_form(key)

    def _dumped(self, key: bytes, name: str, place: str, only_remains: bool) -> None:
        from redis.exceptions import ResponseError

        values = self._values
        try:
            size = self._client.execute_command("MEMORY", "USAGE", key)
            if size is not None and size > _MAX_DUMP:
                values.collector.not_examined(name, f"{place}: about {size} bytes, more than the {_MAX_DUMP} that are read in one piece")
                return
            payload = self._client.execute_command("DUMP", key)
        except ResponseError as problem:
            values.collector.not_examined(name, f"{place}: {one_line(problem)}", mark=None if only_remains else "")
            return
        if payload is None:
            return
        # Decompressed first: a run of bytes that LZF left as they are may show the same canary, or a part of it, once more in the payload.
        decompressed = b"".join(RdbDecoder(dump=True).feed(payload))
        shown: set[str | None] = {None} if decompressed else set()
        for content, label in ((decompressed, f"{place}, decompressed"), (payload, place)):
            values.collector.bytes += len(content)
            for sighting in values.collector.seeker.search(content, values.collector.only_if_stopped(name)):
                if (content is payload and sighting.canary in shown) or (only_remains and values.live(sighting.canary)):
                    continue
                shown.add(sighting.canary)
                values.collector.hit(name, f"{label}, {byte_range(sighting)}", sighting, residue=only_remains)
                if not only_remains:
                    values.note(sighting)


def _pairs(flat: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Fields and values, which Redis answers in turn."""
    parts = iter(flat)
    return zip(parts, parts, strict=True)
