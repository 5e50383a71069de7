"""Under CI a skipped test is a failed one: whoever reads "passed" there must not have to look for what nobody ran."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from chance import CHOSEN, draw_for, repeatable
from hypothesis import settings

# No verdict of a test hangs on how fast the machine is, nor on luck unless it is asked to.
settings.register_profile("untimed", deadline=None, derandomize=not CHOSEN)
settings.load_profile("untimed")
repeatable()

IN_CI = os.environ.get("CI", "").lower() in ("true", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Not in the protocol around it, which the mutation runs do without."""
    draw_for(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _told(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _told(report)


def _told(report: Any) -> Any:
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"under CI nothing may be skipped: {said}"
    return report
