"""Which test checks which control, and which violation kills it: the generated table docs/coverage.md."""

from __future__ import annotations

import pytest

from zdr_audit.catalogue.coverage import coverage_table, orphans
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.run.cli_run import suite_arguments
from zdr_audit.violations import load_violations


class _Collector:
    """Takes the control marks off the collected suites; runs nothing."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            mark = item.get_closest_marker("control")
            control = mark.args[0] if mark else ""
            self.tests.setdefault(control, []).append("suites/" + item.nodeid.split("suites/", 1)[-1])


def tests_by_control() -> dict[str, list[str]]:
    """Control id -> ids of its tests; tests without a control under the empty id."""
    collector = _Collector()
    pytest.main([*suite_arguments(), "--collect-only"], plugins=[collector])
    return {control: sorted(tests) for control, tests in sorted(collector.tests.items())}


def violations_by_control() -> dict[str, list[str]]:
    """Control id -> ids of the violations that it must catch."""
    found: dict[str, list[str]] = {}
    for violation in load_violations():
        for control in violation.controls:
            found.setdefault(control, []).append(violation.id)
    return found


def table() -> str:
    """The whole table as Markdown."""
    return coverage_table(load_catalogue(), tests_by_control(), violations_by_control())


def problems() -> list[str]:
    """Sentences without control, controls without test, tests and violations without control."""
    return orphans(load_catalogue(), tests_by_control(), violations_by_control())
