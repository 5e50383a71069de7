"""Which test runs which line of a room, and for how long: recorded once, in a process of its own. `python -m bench.mutation.record ROOM FILE [TEST...]`

What the file holds of a room that is unchanged since is kept, and the tests that it does not have yet are recorded. (A test that was changed is not.)
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from bench.mutation.rooms import ROOT, Room, rooms
from bench.mutation.tame import ARGUMENTS, Tame

ON_IMPORT = -1
"""Stands among the tests that run a line for what runs before the first of them."""


class Recorder:
    """A pytest plug-in: a coverage context for each test, its CPU time, and whether it passed."""

    def __init__(self, coverage: Coverage, known: set[str]) -> None:
        self._coverage, self._known = coverage, known
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid not in self._known]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._coverage.switch_context(item.nodeid)
        began = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = round(time.process_time() - began, 4)
            self._coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped:
            self.failed.add(report.nodeid)


def record(room: Room, out: Path) -> None:
    """Runs the tests of a room that are not in the record yet, and writes it."""
    sources = hashlib.sha256(b"".join((ROOT / file).read_bytes() for file in room.files)).hexdigest()
    old: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if old.get("sources") != sources:
        old = {"tests": [], "seconds": [], "failed": [], "lines": {}}
    known = [name for name in old["tests"] if name not in old["failed"]]
    coverage = Coverage(data_file=None, include=[str(ROOT / file) for file in room.files], config_file=False)
    coverage.start()
    recorder = Recorder(coverage, set(known))
    pytest.main([*ARGUMENTS, *room.arguments], plugins=[Tame(room.examples), recorder])
    coverage.stop()
    data = coverage.get_data()
    seconds = dict(zip(old["tests"], old["seconds"], strict=True))
    seconds = {name: seconds[name] for name in known} | recorder.seconds
    numbers = {name: number for number, name in enumerate(seconds)}
    ran: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for file in room.files:
        before = {int(line): {_renumbered(old["tests"], numbers, at) for at in tests} for line, tests in old["lines"].get(file, {}).items()}
        now = {line: {numbers.get(name, ON_IMPORT) for name in names} for line, names in data.contexts_by_lineno(str(ROOT / file)).items()}
        for line in sorted(before.keys() | now.keys()):
            ran[file][str(line)] = sorted((before.get(line, set()) | now.get(line, set())) - {None})
    said = {"sources": sources, "tests": list(seconds), "seconds": list(seconds.values()), "failed": sorted(recorder.failed), "lines": ran}
    out.write_text(json.dumps(said), encoding="utf-8")


def _renumbered(names: list[str], numbers: dict[str, int], at: int) -> int | None:
    """The number of a test that the old record knows; None for one that is recorded anew."""
    return at if at < 0 else numbers.get(names[at])


if __name__ == "__main__":
    record(rooms()[sys.argv[1]].narrowed(None, tuple(sys.argv[3:])), Path(sys.argv[2]))
