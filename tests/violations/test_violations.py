"""The suite is itself tested: each seeded violation is found by the controls that should see it, no unrelated control fails, and what is harmless is green.

How much of it is run, `seeded` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import pytest

from zdr_audit.matrix.asked import job
from zdr_audit.matrix.cases import quick_profile
from zdr_audit.matrix.drive import Drive
from zdr_audit.matrix.judge import Result, attempt, harmless
from zdr_audit.matrix.work import Job
from zdr_audit.violations import Seed, Variant, Violation, load_variants, load_violations

from .seeded import EXTENT, alone, controls_for, sample, sample_of_variants

COMPLIANT = "compliant"
AT_ONCE = 2
VIOLATIONS = alone(load_violations()) if EXTENT == "all" else sample(load_violations())
VARIANTS = alone(load_variants()) if EXTENT == "all" else sample_of_variants(load_variants())

Runs = dict[str, "Future[Job]"]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All audits that the collected tests need, started together and run two at a time."""
    folder = tmp_path_factory.mktemp("audits")
    wanted: dict[str, Seed | None] = {}
    for item in request.session.items:
        if item.path == request.path and "runs" in getattr(item, "fixturenames", ()):
            seed = item.callspec.params["seed"] if hasattr(item, "callspec") else None
            wanted[seed.id if seed else COMPLIANT] = seed
    with Drive(AT_ONCE) as drive:
        yield {name: drive.start(_job(seed, folder)) for name, seed in wanted.items()}


def _job(seed: Violation | Variant | None, folder) -> Job:
    plain = (
        Job(folder / COMPLIANT, quick_profile(folder / COMPLIANT))
        if seed is None
        else job((seed,), folder / seed.id, seed=1, depth="quick")
    )
    return replace(plain, controls=controls_for(seed))


def _asked(result: Result, seed: Seed | None) -> set[str]:
    """The controls of the report for which the audit was made."""
    return set(controls_for(seed)) or set(result.controls)


def test_the_compliant_simulator_is_green(runs: Runs) -> None:
    result = Result(runs[COMPLIANT].result().folder)
    assert not result.problem, result.told()
    assert {result.controls[name]["verdict"] for name in _asked(result, None)} == {"pass"}, result.told()
    assert result.report["classes"][0]["leaked"] == 0, "no bound may tell of a leak that no control saw"


@pytest.mark.parametrize("seed", VIOLATIONS, ids=lambda seed: seed.id)
def test_the_violation_is_found_by_its_controls_and_by_no_unrelated_one(seed: Violation, runs: Runs) -> None:
    result = Result(runs[seed.id].result().folder)
    row = attempt(seed, result)
    assert not row.problem, result.told()
    assert not row.missed, f"{row.missed} do not see {seed.id}\n{result.told()}"
    assert not row.collateral, f"collateral {row.collateral}\n{result.told()}"


@pytest.mark.parametrize("seed", VARIANTS, ids=lambda seed: seed.id)
def test_the_harmless_variant_is_green(seed: Variant, runs: Runs) -> None:
    result = Result(runs[seed.id].result().folder)
    row = harmless(seed, result)
    assert not row.problem and not row.failed, result.told()
    assert set(row.inconclusive) == set(result.controls) - _asked(result, seed), result.told()
