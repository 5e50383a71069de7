"""Reads what an audit of a seed came to from its report."""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from zdr_audit import __version__
from zdr_audit.catalogue.model import Control
from zdr_audit.matrix.model import Attempt, Harmless, Killer, Places
from zdr_audit.matrix.places import place, places
from zdr_audit.matrix.work import REPORT, SAID, Job
from zdr_audit.violations import Variant, Violation

GREEN = frozenset({"pass", "not_applicable"})


class Result:
    """One finished audit: its report (empty where none was written) and the end of what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        place = folder / REPORT
        self.report: dict[str, Any] = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
        said = folder / SAID
        self.said = said.read_text(encoding="utf-8", errors="replace")[-2000:] if said.is_file() else ""

    @property
    def controls(self) -> Mapping[str, dict[str, Any]]:
        return {control["id"]: control for control in self.report.get("controls", ())}

    def having(self, *verdicts: str) -> tuple[str, ...]:
        return tuple(name for name, control in self.controls.items() if control["verdict"] in verdicts)

    @property
    def problem(self) -> str:
        """Why nothing can be said of the audit, empty where something can."""
        if not self.report:
            return f"no report was written: {' '.join(self.said.split())[-300:] or 'no message'}"
        probes = self.report.get("sanity", ())
        dead = [f"the {probe['when']} sanity probe failed: {probe['detail']}" for probe in probes if not probe["ok"]]
        return dead[0][:300] if dead else "" if len(probes) == 2 else "a sanity probe is missing"

    def is_of(self, job: Job, catalogue: str) -> bool:
        """Is this the finished audit of just that job, by this version and catalogue?"""
        run = self.report.get("run", {})
        words = shlex.split(run.get("command", ""))
        seeded = {(option, value) for option, value in pairwise(words) if option in {"--violation", "--variant", "--controls"}}
        wanted = {("--violation", name) for name in job.violations} | {("--variant", name) for name in job.variants}
        wanted |= {("--controls", ",".join(job.controls))} if job.controls else set()
        told = (run.get("version"), run.get("catalogue_digest"), run.get("seed"), run.get("depth"))
        return seeded == wanted and told == (__version__, catalogue, job.seed, job.depth)

    def told(self) -> str:
        """Every control that did not pass, with its reason."""
        lines = [f"{name} {c['verdict']}: {c['reason']}" for name, c in self.controls.items() if c["verdict"] not in {"pass", "not_tested"}]
        return "\n".join([*([self.problem] if self.problem else []), *lines]) if self.report else self.said

    def kills(self, control: str, at: Collection[str] | None = None) -> bool:
        """Did the control fail, and does a finding of it say where and by which request? `at`: a finding at one of these places."""
        found = self.controls.get(control, {})
        whole = [f for f in found.get("findings", ()) if f["source"] and f["object"] and f["location"] and f["request"]]
        return found.get("verdict") == "fail" and any(at is None or place(f) in at for f in whole)

    @property
    def places(self) -> Places:
        """Where the findings of each failed control are."""
        return places(self.controls)


def attempt(violation: Violation, result: Result, earlier: tuple[str, ...] = ()) -> Attempt:
    """What the violation came to. An audit of which nothing can be said has missed it. `earlier` are the controls of the earlier suites that see it."""
    failed = result.having("fail")
    missed = violation.controls if result.problem else tuple(name for name in violation.controls if not result.kills(name))
    others = [name for name in failed if name not in violation.controls]
    related = tuple(name for name in others if any(fnmatch.fnmatchcase(name, glob) for glob in violation.related))
    return Attempt(
        id=violation.id,
        title=violation.title,
        mechanism=violation.mechanism,
        controls=violation.controls,
        depth=violation.depth,
        earlier=earlier,
        killed=not missed,
        missed=missed,
        related=related,
        collateral=tuple(name for name in others if name not in related),
        inconclusive=result.having("inconclusive"),
        problem=result.problem,
        places=result.places,
    )


def attempt_alone(violation: Violation, results: Mapping[str, Result]) -> Attempt:
    """What the violation came to where each of its controls was alone: it is killed by those that see it without what the others send."""
    problems = [f"{name}: {result.problem}" for name, result in results.items() if result.problem]
    missed = tuple(name for name, result in results.items() if result.problem or not result.kills(name))
    unclear = tuple(name for name, result in results.items() if name in result.having("inconclusive"))
    return Attempt(
        id=violation.id,
        title=violation.title,
        mechanism=violation.mechanism,
        controls=violation.controls,
        killed=not missed,
        missed=missed,
        inconclusive=unclear,
        problem=problems[0] if problems else "",
    )


def harmless_alone(results: Mapping[str, Result]) -> Harmless:
    """What the compliant simulator came to where each control was alone: every one must pass, also by what it sends by itself."""
    failed = tuple(name for name, result in results.items() if name in result.having("fail"))
    other = tuple(name for name, result in results.items() if name not in result.having("pass", "fail"))
    problems = [f"{name}: {result.problem}" for name, result in results.items() if result.problem]
    return Harmless(
        id="compliant",
        title="The reference backend as it is, with each control alone",
        mechanism="A control that is selected by itself must not need what only others send.",
        green=not (failed or other or problems),
        failed=failed,
        inconclusive=other,
        problem=problems[0] if problems else "",
    )


def harmless(variant: Variant, result: Result) -> Harmless:
    """What the variant came to."""
    other = tuple(name for name, control in result.controls.items() if control["verdict"] not in GREEN | {"fail"})
    failed = result.having("fail")
    green = not (result.problem or failed or other) and bool(result.having("pass"))
    return Harmless(
        id=variant.id,
        title=variant.title,
        mechanism=variant.mechanism,
        green=green,
        failed=failed,
        inconclusive=other,
        problem=result.problem,
    )


def killers(controls: Iterable[Control], attempts: Iterable[Attempt]) -> tuple[Killer, ...]:
    """Each control with the violations that it had to find and found."""
    found: dict[str, list[str]] = {}
    for row in attempts:
        for name in set(row.controls) - set(row.missed):
            found.setdefault(name, []).append(row.id)
    return tuple(Killer(id=c.id, title=c.title, violations=tuple(sorted(found.get(c.id, ())))) for c in controls)
