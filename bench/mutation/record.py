"""Which test runs which line of a room, and for how long: recorded once, in a process of its own. `python -m bench.mutation.record ROOM FILE [TEST...]`"""

from __future__ import annotations

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

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

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
    """Runs the tests of a room and writes the record."""
    coverage = Coverage(data_file=None, include=[str(ROOT / file) for file in room.files], config_file=False)
    coverage.start()
    recorder = Recorder(coverage)
    pytest.main([*ARGUMENTS, *room.arguments], plugins=[Tame(room.examples), recorder])
    coverage.stop()
    data = coverage.get_data()
    numbers = {name: number for number, name in enumerate(recorder.seconds)}
    ran: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for file in room.files:
        for line, contexts in data.contexts_by_lineno(str(ROOT / file)).items():
            ran[file][str(line)] = sorted(numbers.get(context, ON_IMPORT) for context in contexts)
    said = {"tests": list(numbers), "seconds": list(recorder.seconds.values()), "failed": sorted(recorder.failed), "lines": ran}
    out.write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    record(rooms()[sys.argv[1]].narrowed(None, tuple(sys.argv[3:])), Path(sys.argv[2]))
