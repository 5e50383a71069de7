"""Evidence that a command prints: both its outputs, searched while they come. No shell, and nothing of the target's goes into its words."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NamedTuple

from zdr_audit.canary.seeker import Seeker, Sighting

from .collector import Collector, byte_range
from .files import CHUNK
from .model import Reading
from .size import SizeError
from .workers import Counted

MAX_SECONDS = 300.0
MAX_BYTES = 1 << 30
_LAST = 4096  # bytes of the standard error that are kept for its last line
_WORDS = 200
_TICK_MS = 200  # between looks at the clock and at the other output


class Command(NamedTuple):
    """What to run, for how long, and how much each of its two outputs may be. `size` prints the bytes in use in place of counting the outputs."""

    words: tuple[str, ...]
    seconds: float = MAX_SECONDS
    max_bytes: int = MAX_BYTES
    size: tuple[str, ...] | None = None

    @property
    def program(self) -> str:
        """What it is called in a report: further words may say too much."""
        return PurePath(self.words[0]).name


def read_command(source_id: str, command: Command, seeker: Seeker, progress: Callable[[int], None] | None = None) -> Reading:
    """Search what the command prints on its standard output and its standard error; each is an object if there is anything.

    A command that cannot be run, ends with a status other than 0, takes too long or prints too much gives a `Reading` with `error`, beside what was seen.
    """
    collector = Collector(source_id, "command", seeker)
    with _Running(command, progress) as running:
        found = running.each(lambda stream: _Found.of(seeker, stream))
    for stream, seen in found:
        name = f"{stream.name} of {command.program}"
        collector.objects += bool(stream.taken)
        collector.bytes += stream.taken
        for note in seen.notes:
            collector.not_examined(name, note)
        for sighting in seen.sightings:
            collector.hit(name, byte_range(sighting), sighting)
    return collector.reading(error=running.problem)


def command_size(command: Command) -> int:
    """Bytes in use: what `size` prints as its first word, else how much the command prints. Raises SizeError."""
    asked = command if command.size is None else Command(command.size, command.seconds, command.max_bytes)
    with _Running(asked, None) as running:
        printed = running.each(_beginning)
    if running.problem:
        raise SizeError(running.problem)
    if command.size is None:
        return sum(stream.taken for stream, _ in printed)
    (_, beginning), _ = printed
    number = next(iter(beginning.split()), b"")
    if not number.isdigit():
        raise SizeError(f"{asked.program} printed no number of bytes")
    return int(number)


@dataclass
class _Found:
    sightings: list[Sighting] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, seeker: Seeker, stream: _Stream) -> _Found:
        found = cls()
        found.sightings.extend(seeker.search(stream.pieces(), found.notes.append))
        return found


def _beginning(stream: _Stream) -> bytes:
    """The beginning of an output that is read to its end."""
    first = b""
    for piece in stream.pieces():
        first = first or piece
    return first


class _Stream:
    """One of the outputs, in pieces, until it ends or has to be given up: then `stopped` says why."""

    def __init__(self, name: str, descriptor: int, running: _Running) -> None:
        self.name, self.taken, self.stopped = name, 0, ""
        self._descriptor, self._running = descriptor, running
        self.last = b""

    def pieces(self) -> Iterator[bytes]:
        held = bytearray()
        while chunk := self._next():
            self.taken += len(chunk)
            self.last = (self.last + chunk)[-_LAST:]
            held += chunk
            if len(held) >= CHUNK:
                yield bytes(held)
                held.clear()
        if held:
            yield bytes(held)

    def _next(self) -> bytes:
        """What came, nothing at the end. The wait is cut into short ones: the other output may be given up meanwhile."""
        running = self._running
        room = running.command.max_bytes - self.taken
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)  # its end and errors are told too
        while not running.given_up.is_set():
            if running.is_late():
                self.stopped = f"took longer than {running.command.seconds:g} s"
                running.given_up.set()
            elif waiting.poll(_TICK_MS):
                chunk = os.read(self._descriptor, CHUNK)
                if len(chunk) > room:
                    self.stopped = f"printed more than {running.command.max_bytes} bytes on its {self.name}: the rest was not read"
                    running.given_up.set()
                    return chunk[:room]
                running.counted.add(len(chunk))
                return chunk
        return b""


class _Running:
    """The command while it runs, in a process group of its own, which is ended with it where it has to be given up."""

    def __init__(self, command: Command, progress: Callable[[int], None] | None) -> None:
        self.command, self.given_up = command, threading.Event()
        self.streams: tuple[_Stream, ...] = ()
        self.problem: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = time.monotonic() + command.seconds
        self.counted = Counted(progress)

    def is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def __enter__(self) -> _Running:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - words of the profile, no shell
                self.command.words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:  # ValueError: a word with a null character
            self.problem = f"{self.command.program} cannot be run: {getattr(exc, 'strerror', None) or exc}"
            return self
        pipes = {"standard output": self._process.stdout, "standard error": self._process.stderr}
        self.streams = tuple(_Stream(name, pipe.fileno(), self) for name, pipe in pipes.items() if pipe)
        return self

    def each(self, work: Callable[[_Stream], Any]) -> list[tuple[_Stream, Any]]:
        """The work on each output, at the same time: a command that nobody reads stands still."""
        if not self.streams:
            return []
        out, error = self.streams
        with ThreadPoolExecutor(thread_name_prefix="zdr-audit-stderr") as beside:
            second = beside.submit(work, error)
            second.add_done_callback(self._give_up_after)
            try:
                first = work(out)
            except BaseException:
                self.given_up.set()
                raise
        self.counted.tell()
        return [(out, first), (error, second.result())]

    def _give_up_after(self, done: Future[Any]) -> None:
        if done.exception() is not None:
            self.given_up.set()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        process = self._process
        if process is None:
            return
        if kind is not None or self.given_up.is_set():
            self._kill(process)
        with process:
            try:
                status = process.wait(self._deadline - time.monotonic())
            except subprocess.TimeoutExpired:
                self._kill(process)
                status = process.wait()
                self.problem = f"{self.command.program} took longer than {self.command.seconds:g} s"
        stopped = next((stream.stopped for stream in self.streams if stream.stopped), "")
        if stopped:
            self.problem = f"{self.command.program} {stopped}"
        elif status and not self.problem:
            self.problem = f"{self.command.program} {_ended(status)}{self._last_words()}"

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        """The whole group: it bears the id of a process that was not waited for yet, so it can be no other."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        lines = [line for line in self.streams[1].last.decode("utf-8", "replace").splitlines() if line.strip()]
        return f": {' '.join(lines[-1].split())[:_WORDS]}" if lines else ""


def _ended(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
