"""A check that looks at the whole journal sees what it is for where its control alone is selected: what it needs is sent with it.

Of each control with such a check, the violation that comes last in the list; `zdr-audit violations --matrix --alone` holds each violation against each of its
controls.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

import suites
from zdr_audit.matrix.asked import alone
from zdr_audit.matrix.cases import choose
from zdr_audit.matrix.drive import Drive
from zdr_audit.matrix.judge import Result
from zdr_audit.matrix.work import Job
from zdr_audit.violations import Violation, load_violations


def _watching() -> set[str]:
    """The controls that have a test which looks at more than its own scenarios."""
    names = [found.name for found in pkgutil.walk_packages(suites.__path__, "suites.") if ".test_" in found.name]
    tests = [thing for name in names for thing in vars(importlib.import_module(name)).values()]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", ()) if mark.name == "control"]
    return {mark.args[0] for mark in marks if mark.args[4]}


def _pairs() -> list[tuple[str, Violation]]:
    able = [violation for violation in load_violations() if not violation.needs]
    return [(name, [v for v in able if name in v.controls][-1]) for name in sorted(_watching())]


PAIRS = _pairs()


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, Future[Job]]]:
    """Each control with its violation and with none, two audits at a time."""
    folder = tmp_path_factory.mktemp("alone")
    asked = [item for name, violation in PAIRS for item in alone(choose([_only(violation, name)], ()), folder / name, 1, "quick")]
    with Drive(2) as drive:
        yield {job.folder.relative_to(folder): drive.start(job) for item in asked for job in item.jobs}


def _only(violation: Violation, control: str) -> Violation:
    return violation.model_copy(update={"controls": (control,)})


def test_there_are_such_checks() -> None:
    assert {"ZDR-AUD-05", "ZDR-AUD-06", "ZDR-AUD-07", "ZDR-CON-13"} <= {name for name, _ in PAIRS}


@pytest.mark.parametrize(("control", "violation"), PAIRS, ids=[name for name, _ in PAIRS])
def test_it_sees_the_violation_by_itself(control: str, violation: Violation, audits: dict[Path, Future[Job]]) -> None:
    result = Result(audits[Path(control, violation.id, control)].result().folder)
    assert not result.problem and result.kills(control), f"{violation.id}\n{result.told()}"


@pytest.mark.parametrize("control", [name for name, _ in PAIRS])
def test_it_passes_by_itself_where_nothing_is_broken(control: str, audits: dict[Path, Future[Job]]) -> None:
    result = Result(audits[Path(control, "compliant", control)].result().folder)
    assert not result.problem and result.controls[control]["verdict"] == "pass", result.told()
