"""Runs mutants in forks of one pytest session that has collected its tests: a mutant costs its tests, not the imports."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from _pytest.runner import runtestprotocol

from bench.mutation import swap
from bench.mutation.mutants import Mutant
from bench.mutation.rooms import ROOT, Room
from bench.mutation.selection import Selection
from bench.mutation.tame import ARGUMENTS, Tame

MEMORY = 8 << 30


@dataclass(frozen=True)
class Fate:
    """What became of a mutant. `by`: the test that failed; empty where the tests could not even be collected."""

    outcome: str
    """`killed`, `timeout`, `survived`, or `uncovered`: no test runs it."""
    by: str = ""
    tests: int = 0


class First:
    """A pytest plug-in for a fresh import: these tests in this order, up to the first that fails."""

    def __init__(self, order: list[str]) -> None:
        self._order = {name: number for number, name in enumerate(order)}
        self.failed: str | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((item for item in items if item.nodeid in self._order), key=lambda one: self._order[one.nodeid])
        if len(items) < len(self._order):
            self.failed = self.failed or "collection"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or "collection"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


class Warm:
    """A pytest plug-in: instead of running the tests, tries each mutant in a fork."""

    def __init__(
        self, room: Room, selection: Selection, mutants: Iterable[Mutant | None], report: Callable[[Mutant | None, Fate], None]
    ) -> None:
        self._room, self._selection, self._mutants, self._report = room, selection, mutants, report
        self._functions: dict[str, list[Any]] = {}
        self._items: dict[str, pytest.Item] = {}
        self._fresh_next = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        self._functions = swap.live_functions(self._room.files)
        self._start_servers(session)
        gc.collect()
        gc.freeze()
        for mutant in self._mutants:
            fate = self._tried(session, mutant)
            self._selection.killed(fate.by)
            self._fresh_next = mutant is None and not self._fresh_next
            self._report(mutant, fate)
        return True

    def _start_servers(self, session: pytest.Session) -> None:
        """Runs one test of each file that says so; that another test follows keeps what it started for the session."""
        for file in self._room.warm:
            item = next((item for item in session.items if item.nodeid.startswith(file)), None)
            if item is None:
                raise RuntimeError(f"{file} has no tests here: what it needs is not installed (tox.ini says what)")
            if any(report.failed for report in runtestprotocol(item, nextitem=session.items[0], log=False)):
                raise RuntimeError(f"the servers of {file} do not start")

    def _tried(self, session: pytest.Session, mutant: Mutant | None) -> Fate:
        """`None` stands for no change at all: it meets the quickest tests and must survive: in this process, then in a fresh import; once more at the end."""
        tests = self._selection.quickest() if mutant is None else self._selection.tests(mutant)
        tests = [name for name in tests if name in self._items]
        if not tests:
            return Fate("uncovered")
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            self._in_child(session, mutant, tests, write)
        os.close(write)
        seconds = self._selection.cost(tests)
        said = _answer(read, child, 60 + 10 * seconds)
        if said is None:
            return Fate("timeout", tests=len(tests))
        return Fate("survived" if said["by"] is None else "killed", said["by"] or "", len(tests))

    def _in_child(self, session: pytest.Session, mutant: Mutant | None, tests: list[str], write: int) -> NoReturn:
        os.setpgid(0, 0)
        seconds = int(3 + 3 * self._selection.cost(tests))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if not os.environ.get("ZDR_MUTATION_LOUD"):
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(quiet, stream)
        by: str | None = "crash"
        try:
            by = self._failing(session, mutant, tests)
        except BaseException:
            by = "crash"
        finally:
            os.write(write, json.dumps({"by": by}).encode())
            os._exit(0)

    def _failing(self, session: pytest.Session, mutant: Mutant | None, tests: list[str]) -> str | None:
        if mutant is not None:
            before, after = (ROOT / mutant.file).read_text(encoding="utf-8"), mutant.source()
            swappable = not self._selection.on_import(mutant)
            if not swappable or not swap.exchange(self._functions[mutant.file], str(ROOT / mutant.file), before, after):
                return _fresh(self._room, mutant.file, after, tests)
        if mutant is None and self._fresh_next:
            return _fresh(self._room, self._room.files[0], (ROOT / self._room.files[0]).read_text(encoding="utf-8"), tests)
        items = [self._items[name] for name in tests]
        last = session.items[0] if self._room.warm else None  # the servers of the session are not this process's to stop
        try:
            for item, following in zip(items, [*items[1:], last], strict=True):
                if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
                    return item.nodeid
        finally:
            with contextlib.suppress(Exception):
                session._setupstate.teardown_exact(last)
        return None


def _fresh(room: Room, file: str, text: str, tests: list[str]) -> str | None:
    swap.forget()
    sys.meta_path.insert(0, swap.Changed(file, text))
    first = First(tests)
    files = sorted({name.partition("::")[0] for name in tests})
    status = pytest.main([*ARGUMENTS, "-x", "--rootdir", str(ROOT), *files], plugins=[Tame(room.examples), first])
    return first.failed or (None if status == pytest.ExitCode.OK else "collection")


def _answer(read: int, child: int, seconds: float) -> dict[str, Any] | None:
    """What the child says. None where it takes too long; it and all that it started are ended."""
    end = time.monotonic() + seconds
    said = b""
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([read], [], [], left)
        piece = os.read(read, 4096) if ready else b""
        said += piece
        if not piece:
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(read)
    return json.loads(said) if said else None


def run(room: Room, record: Path, mutants: Iterable[Mutant | None], report: Callable[[Mutant | None, Fate], None]) -> None:
    """Tries the mutants one after the other."""
    warm = Warm(room, Selection(record, room.budget), mutants, report)
    pytest.main([*ARGUMENTS, *room.arguments], plugins=[Tame(room.examples), warm])
