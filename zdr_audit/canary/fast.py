"""Hyperscan, where it is installed: all fixed patterns of some length in one pass, and in text the beginnings of the literal in another.

It only says where something stands; what is made of that is the same as without it, and so is what is found.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .anchors import SHORTEST
from .gates import SMALL, is_text, texts

_WORTH = 1024 * 1024
"""Bytes of large data after which compiling, which takes some milliseconds, is worth while."""
_WORTH_APART = 128 * 1024 * 1024
"""Bytes of other data than text after which it is worth while to compile the patterns of text apart from the others."""
_MOST, _FEW = 4096, 64
"""Places in one buffer beyond which the slow way is no slower, and up to which a look at each is cheap."""

Place = tuple[int, int, int]


@cache
def _engine() -> Any:
    """The library; None where it is not installed."""
    try:
        return importlib.import_module("hyperscan")
    except ImportError:
        return None


class _Compiled:
    """Expressions compiled, with the room that each thread computes in."""

    def __init__(self, engine: Any, expressions: Sequence[bytes], numbers: Sequence[int] = (), *, starts: bool = False) -> None:
        """`numbers`: what the expressions are called by, if not by their places. `starts`: the beginning of a match is wanted too."""
        self._engine = engine
        self._database = engine.Database(mode=engine.HS_MODE_BLOCK)
        flags = engine.HS_FLAG_DOTALL | (engine.HS_FLAG_SOM_LEFTMOST if starts else 0)
        numbers = list(numbers) or list(range(len(expressions)))
        self._database.compile(expressions=list(expressions), ids=numbers, flags=[flags] * len(expressions))
        self._local = threading.local()

    def scan(self, data: bytes, most: int = _MOST) -> list[Place] | None:
        """Start (0 where it is not wanted), end and the number of each expression that matches; None where there are too many."""
        found: list[Place] = []

        def met(number: int, start: int, end: int, _flags: int, _context: object) -> bool | None:
            found.append((start, end, number))
            return True if len(found) > most else None

        if not hasattr(self._local, "scratch"):
            self._local.scratch = self._engine.Scratch(self._database)
        try:
            self._database.scan(data, match_event_handler=met, scratch=self._local.scratch)
        except self._engine.ScanTerminated:
            return None
        return found


@dataclass(frozen=True)
class _Databases:
    """What is compiled, or will be once it is wanted: all patterns, those of text, and those that may stand anywhere; what begins as the literal
    does; and, where that is often met, what begins so and may go on after something else."""

    patterns: Callable[[], _Compiled]
    in_text: Callable[[], _Compiled]
    anywhere: Callable[[], _Compiled]
    begun: _Compiled
    going_on: Callable[[], _Compiled]


def _once(make: Callable[[], _Compiled]) -> Callable[[], _Compiled]:
    """What it makes, made by the first thread that asks."""
    lock, made = threading.Lock(), cache(make)

    def get() -> _Compiled:
        with lock:
            return made()

    return get


class Fast:
    """Looks for patterns and for the beginnings of one literal. Every answer may be None: then it is to be had otherwise."""

    def __init__(self, patterns: Sequence[bytes], literal: bytes, in_text: Collection[int] = ()) -> None:
        """`in_text` are the numbers of the patterns that are looked for where text stands alone (see `gates.texts`)."""
        self._patterns, self._literal, self._in_text = list(patterns), literal, frozenset(in_text)
        self._looked = self._looked_apart = 0
        self._wanted = True
        self._lock = threading.Lock()
        self._compiled: _Databases | None = None
        self._last = threading.local()

    def _ready(self, data: bytes) -> _Databases | None:
        if self._compiled is None and self._wanted and len(data) > SMALL:
            with self._lock:
                self._looked += len(data)
                if self._compiled is None and self._looked > _WORTH:
                    self._wanted = self.compile()
        return self._compiled if self._wanted else None

    def compile(self) -> bool:
        """Be ready from now on; whether the library is there."""
        engine = _engine()
        if engine is not None and self._compiled is None:
            every = [number for number, pattern in enumerate(self._patterns) if len(pattern) >= SHORTEST]
            self._compiled = _Databases(
                _once(lambda: self._fixed(engine, every)),
                _once(lambda: self._fixed(engine, [number for number in every if number in self._in_text])),
                _once(lambda: self._fixed(engine, [number for number in every if number not in self._in_text])),
                _Compiled(engine, [_begun(self._literal)]),
                _once(lambda: _Compiled(engine, _going_on(self._literal), starts=True)),
            )
        self.use(True)
        return engine is not None

    def _fixed(self, engine: Any, numbers: Sequence[int]) -> _Compiled:
        return _Compiled(engine, [b"".join(_CODES[code] for code in self._patterns[number]) for number in numbers], numbers)

    def use(self, wanted: bool) -> None:
        """Whether to answer at all from now on."""
        self._wanted = wanted
        self._last = threading.local()

    def patterns(self, data: bytes) -> list[Place] | None:
        """Start, end and number of every pattern of three bytes or more that stands in the data, overlapping ones too."""
        last: tuple[bytes, list[Place] | None] | None = getattr(self._last, "answer", None)
        if last is None or last[0] is not data:  # several searches ask about the same data, one after another
            ready = self._ready(data)
            found = self._scan(ready, data) if ready else None
            last = data, None if found is None else [(end - len(self._patterns[number]), end, number) for _, end, number in found]
            self._last.answer = last
        return last[1]

    def _scan(self, ready: _Databases, data: bytes) -> list[Place] | None:
        if not self._in_text or is_text(data) or not self._apart(len(data)):
            return ready.patterns().scan(data)
        found = ready.anywhere().scan(data)
        for low, high in texts(data):
            more = ready.in_text().scan(data[low:high])
            if found is None or more is None:
                return None
            found.extend((start, low + end, number) for start, end, number in more)
        return found

    def _apart(self, size: int) -> bool:
        """Whether patterns of text are by now searched by themselves in so many bytes that are not all text."""
        self._looked_apart += size
        return self._looked_apart > _WORTH_APART

    def beginnings(self, data: bytes) -> list[int] | None:
        """Places in text among which is every one where a beginning of the literal, in letters of whatever case, is followed by something
        else than letters and digits, and that by the rest."""
        ready = self._ready(data)
        if ready is None:
            return None
        places: set[int] = set()
        for low, high in texts(data):
            text = data[low:high]
            found = self._begun(ready, text)
            if found is None:
                return None
            places.update(low + at for at in found)
        return sorted(places)

    def _begun(self, ready: _Databases, text: bytes) -> list[int] | None:
        first = {self._literal[0], *self._literal[:1].upper()}
        found = ready.begun.scan(text, _FEW)
        if found is not None:
            ranges = [(max(0, end - len(self._literal)), end) for _, end, _ in found]
        else:
            found = ready.going_on().scan(text)
            if found is None:
                return None
            ranges = [(start, end) for start, end, _ in found]
        return [at for start, end in ranges for at in range(start, end) if text[at] in first]


_CODES = tuple(bytes([code]) if bytes([code]).isalnum() else b"\\x%02x" % code for code in range(256))
_OTHER = b"[^A-Za-z0-9\\x00]"


def letter(literal: bytes, at: int) -> bytes:
    return b"[%b]" % bytes({literal[at], *literal[at : at + 1].upper()})


def _begun(literal: bytes) -> bytes:
    """A beginning of the literal, before what is no letter or digit."""
    return nested(literal, lambda _size: _OTHER)


def _going_on(literal: bytes) -> tuple[bytes, ...]:
    """A beginning of the literal before a gap and the next letter, or before a quote, an escape or markup; or as a word of its own."""
    gap = b"%b(?:[nrt]|%b){0,24}" % (_OTHER, _OTHER)
    return (
        nested(literal, lambda size: b'%b%b|["\\\\<)&{}\\x1b]' % (gap, letter(literal, size))),
        b"(?:^|[^A-Za-z0-9])" + nested(literal, lambda _size: _OTHER),
    )


def nested(literal: bytes, after: Callable[[int], bytes]) -> bytes:
    """Any beginning of the literal, with what is to follow one of so many letters."""
    last = len(literal) - 1
    pattern = b"(?:%b)" % after(last)
    for size in range(last - 1, 0, -1):
        pattern = b"(?:%b|%b%b)" % (after(size), letter(literal, size), pattern)
    return letter(literal, 0) + pattern
