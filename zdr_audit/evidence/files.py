"""Evidence in files: a folder with all below it, or one file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from zdr_audit.canary.seeker import Seeker, Sighting

from .attributes import attributes
from .collector import Collector, byte_range
from .model import Reading
from .workers import Counted, Workers

CHUNK = 512 * 1024  # with what is computed about it, about as much as a processor has near at hand
_PASSES = 3
_LARGE = 256 * 1024  # bytes from which a file is searched beside others
# Reading must leave no trace: no link is followed, and access times stay as they are where the system allows it.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISBLK, "a device"), (stat.S_ISCHR, "a device"))

Progress = Callable[[int], None] | None


def read_files(source_id: str, root: Path, seeker: Seeker, progress: Progress = None) -> Reading:
    """Search a folder or one file: contents, names and extended attributes. `progress` is told the bytes read since its last call.

    A root that is missing or unreadable gives a `Reading` with `error`; an empty folder one with no objects.
    """
    collector = Collector(source_id, "files", seeker)
    try:
        real = root.resolve(strict=True)
        if real.is_dir():
            os.scandir(real).close()
            _Tree(collector, real, progress).read()
        else:
            collector.search(shown(root.name), os.fsencode(root.name), lambda _: "name")
            found = search_file(seeker, real, progress)
            add_searched(collector, shown(root.name), found)
            collector.bytes = found.taken
            collector.objects = 1
    except (OSError, RuntimeError) as problem:  # RuntimeError: a loop of links
        return collector.reading(error=f"{shown(str(root))}: {reason(problem)}")
    return collector.reading()


def open_evidence(path: Path) -> int:
    """A descriptor for a regular file, opened so as to leave no trace. Raises OSError, also for anything but a regular file."""
    try:
        descriptor = os.open(path, _FLAGS | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # keeping the access time is the owner's privilege
        descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


class State(NamedTuple):
    """What tells whether a file changed: its identity, size in bytes and modification time in ns."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> State:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass
class Searched:
    """What the search of one file gave: its state at opening, the bytes read, what was seen and what could not be examined. `attributes` are sightings in
    its extended attributes, with the name of each."""

    state: State
    taken: int = 0
    sightings: list[Sighting] = field(default_factory=list)
    attributes: list[tuple[str, Sighting]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def search_file(seeker: Seeker, path: Path, progress: Progress) -> Searched:
    """Search one file's content as it stands now. Raises OSError. May run on any thread; `progress` is called on that one."""
    descriptor = open_evidence(path)
    short = False
    try:
        found = Searched(State.of(os.fstat(descriptor)))
        size = found.state.size

        def chunks() -> Iterator[bytes]:
            nonlocal short
            while chunk := os.read(descriptor, CHUNK):
                found.taken += len(chunk)
                if progress is not None:
                    progress(len(chunk))
                yield chunk
                # What is added after the opening is left to the next pass: a file that grows faster than it is read would never end.
                if found.taken >= size:
                    return
            short = bool(size)

        found.sightings.extend(seeker.search(chunks(), found.notes.append))
        for name, content in attributes(descriptor, found.notes.append):
            found.attributes.extend((name, sighting) for sighting in seeker.search(content, found.notes.append))
    finally:
        os.close(descriptor)
    if short:
        found.notes.append(f"only {found.taken} of {size} bytes could be read: it shrank meanwhile")
    return found


def add_searched(collector: Collector, name: str, found: Searched) -> None:
    """Add what the search of a file gave."""
    for note in found.notes:
        collector.not_examined(name, note)
    for sighting in found.sightings:
        collector.hit(name, byte_range(sighting), sighting)
    for attribute, sighting in found.attributes:
        collector.hit(name, _attribute(attribute), sighting)


def _attribute(name: str) -> str:
    return f"extended attribute {shown(name)}"


class _Tree:
    """One reading of a folder. Passes repeat for what changed meanwhile: a log that was rotated, a database that was checkpointed."""

    def __init__(self, collector: Collector, root: Path, progress: Progress) -> None:
        self._collector, self._root, self._progress = collector, root, progress
        self._read: dict[str, State] = {}
        self._bytes: dict[str, int] = {}
        self._vanished: dict[str, int] = {}  # inode by name
        self._met: set[int] = set()
        self._failed: dict[str, str] = {}
        self._closed: dict[str, datetime] = {}  # files and folders that may not be opened, with their times
        self._named: set[str] = set()
        self._changed = False

    def read(self) -> None:
        with Workers() as workers:
            for _ in range(_PASSES):
                self._failed, self._closed, self._changed = {}, {}, False
                self._pass(workers)
                if not self._changed:
                    break
        for name, inode in self._vanished.items():
            if inode not in self._met:  # else it was renamed, and read under its new name
                self._failed[name] = "vanished before it could be read"
        for name, why in self._failed.items():
            self._collector.not_examined(shown(name), why, self._closed.get(name))
        self._collector.objects, self._collector.bytes = len(self._read), sum(self._bytes.values())

    def _pass(self, workers: Workers) -> None:
        """Search what is new or changed since the last pass; `_changed` says then whether another must look again."""
        counted = Counted(self._progress)
        unread = ((name, state) for name, state in self._walk() if self._read.get(name) != state)

        def search(item: tuple[str, State]) -> Searched:
            return search_file(self._collector.seeker, self._root / item[0], counted.add)

        for (name, listed), outcome in workers.map(search, unread, lambda item: item[1].size >= _LARGE, counted.tell):
            self._take(name, listed, outcome)

    def _take(self, name: str, listed: State, outcome: Searched | Exception) -> None:
        """Add the outcome of one file."""
        if isinstance(outcome, FileNotFoundError):
            self._lost(name, listed.inode)
        elif isinstance(outcome, OSError):
            self._failed[name] = reason(outcome)
            self._closed[name] = _moment(listed.modified)
        elif isinstance(outcome, Exception):
            raise outcome
        else:
            self._read[name], self._bytes[name] = outcome.state, outcome.taken
            add_searched(self._collector, shown(name), outcome)
            self._met.add(outcome.state.inode)
            self._changed = True

    def _lost(self, name: str, inode: int) -> None:
        self._vanished[name] = inode
        self._changed = True

    def _walk(self) -> Iterator[tuple[str, State]]:
        """The regular files below the root, by name; the rest is noted. Names are searched as they are met."""
        folders = [("", 0)]
        while folders:
            folder, inode = folders.pop()
            try:
                with os.scandir(self._root / folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except FileNotFoundError:
                self._lost(folder or ".", inode)
                continue
            except OSError as problem:
                self._failed[folder or "."] = reason(problem)
                with contextlib.suppress(OSError):  # names in it came or went then; of what is only added to its files nobody can tell
                    self._closed[folder or "."] = _moment((self._root / folder).stat().st_mtime_ns)
                continue
            self._met.add(inode)
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                self._name(name, entry.name)
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    self._lost(name, entry.inode())
                    continue
                except OSError as problem:
                    self._failed[name] = reason(problem)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    folders.append((name, status.st_ino))
                    self._attributes(name)
                elif stat.S_ISREG(status.st_mode):
                    yield name, State.of(status)
                elif stat.S_ISLNK(status.st_mode):
                    self._met.add(status.st_ino)
                    self._link(name)
                else:
                    kind = next((words for test, words in _KINDS if test(status.st_mode)), "no regular file")
                    self._failed[name] = f"{kind}, which holds no content to read"

    def _name(self, name: str, last: str) -> None:
        if name not in self._named:
            self._named.add(name)
            self._collector.search(shown(name), os.fsencode(last), lambda _: "name")

    def _attributes(self, name: str) -> None:
        """Those of a folder."""
        told = shown(name)
        for attribute, content in attributes(self._root / name, lambda why: self._collector.not_examined(told, why)):
            self._collector.search(told, content, lambda _, attribute=attribute: _attribute(attribute))  # type: ignore[misc]

    def _link(self, name: str) -> None:
        """Links are not followed: what they lead to inside the root is read there, what is outside is no part of the source."""
        path = self._root / name
        try:
            self._collector.search(shown(name), os.fsencode(path.readlink()), lambda _: "link target")
            if not path.resolve().is_relative_to(self._root):
                self._failed[name] = "a link that leads outside the source"
        except (OSError, RuntimeError) as problem:
            self._failed[name] = f"a link that cannot be followed: {reason(problem)}"


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC)


def shown(name: str) -> str:
    """A file name as text that can be written as UTF-8, whatever bytes the file system holds."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def reason(problem: OSError | RuntimeError) -> str:
    """The problem in words, without the path."""
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)
