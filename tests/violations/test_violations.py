"""The suite is itself tested: each seeded violation is found by the controls that should see it, and makes no unrelated control fail.

By default a sample by rule is run (`seeded.sample`), and most audits leave out the two controls on generated requests (`seeded.controls_for`).
ZDR_AUDIT_VIOLATIONS=all runs every violation against every control.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from zdr_audit.violations import Violation, load_violations

from .seeded import PROFILE, Run, alone, audit, controls_for, quick_profile, sample

COMPLIANT = "compliant"
AT_ONCE = 2
ALL = os.environ.get("ZDR_AUDIT_VIOLATIONS") == "all"
CHOSEN = alone(load_violations()) if ALL else sample(load_violations())

Runs = dict[str, "Future[Run]"]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All audits that the collected tests need, started together and run two at a time."""
    folder = tmp_path_factory.mktemp("audits")
    quick = quick_profile(folder)
    wanted: dict[str, Violation | None] = {}
    for item in request.session.items:
        if item.path == request.path and "runs" in getattr(item, "fixturenames", ()):
            violation = item.callspec.params["violation"] if hasattr(item, "callspec") else None
            wanted[violation.id if violation else COMPLIANT] = violation
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        started: Runs = {}
        for name, violation in wanted.items():
            target = PROFILE if needs_time(violation) else quick
            controls = controls_for(violation) if violation and not ALL else []
            started[name] = pool.submit(audit, target, folder / name, violation, controls)
        yield started
    finally:
        pool.shutdown(cancel_futures=True)


def needs_time(violation: Violation | None) -> bool:
    """Does the violation write so late that only the shipped waiting time lets it be seen?"""
    return violation is not None and violation.code == "retention:keep_when_quiet"


def test_the_compliant_simulator_is_green(runs: Runs) -> None:
    run = runs[COMPLIANT].result()
    assert run.status == 0, run.told()
    assert {control["verdict"] for control in run.controls.values()} == {"pass"}, run.told()


@pytest.mark.parametrize("violation", CHOSEN, ids=lambda violation: violation.id)
def test_the_violation_is_found_by_its_controls_and_by_no_unrelated_one(violation: Violation, runs: Runs) -> None:
    run = runs[violation.id].result()
    assert run.status == 1, run.told()
    assert [probe["ok"] for probe in run.report["sanity"]] == [True, True], run.told()
    for name in violation.controls:
        control = run.controls[name]
        assert control["verdict"] == "fail", f"{name} does not see {violation.id}\n{run.told()}"
        whole = [f for f in control["findings"] if f["source"] and f["object"] and f["location"] and f["request"]]
        assert whole, f"no finding of {name} says where and by which request: {control['findings'][:3]}"
    assert not run.unrelated(violation), f"collateral {run.unrelated(violation)}\n{run.told()}"
