"""Every check of the suites against a record of a compliant run in which answers were taken away: none may hold on what was not answered.

A whole audit is made once; then its interactions are changed, one way at a time, and each check is called as the plug-in calls it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import suites
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.evidence.model import Frozen
from zdr_audit.journal.events import Interaction
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, Violated
from zdr_audit.verdict.preconditions import examine

AUDIT = [sys.executable, "-c", "from zdr_audit.cli import main; main()", "run", "--target", "simulator", "--depth", "quick", "--seed", "5"]
ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = load_catalogue()
NOTHING: dict[str, Any] = {"accepted": False, "data": None, "echoes": (), "header_echoes": ()}
DEAD: dict[str, dict[str, Any]] = {
    "no answer": {"status": None, "outcome": "no_answer", **NOTHING},
    "401": {"status": 401, "outcome": "denied", **NOTHING},
    "404": {"status": 404, "outcome": "not_found", **NOTHING},
    "429": {"status": 429, "outcome": "rate_limited", **NOTHING},
    "500": {"status": 500, "outcome": "server_error", **NOTHING},
    "200 with a page": {"status": 200, "outcome": "unexpected", **NOTHING},
}
IDLE = {
    "the guessed pages are looked at, too": ("test_diagnostic_pages_show_no_content", "look at what is documented"),
    "the reference is known without its answer": ("test_the_log_carries_no_content", "a reference to be found again"),
    "lists beside identifiers": ("test_identifiers_of_another_organization_give_nothing", "another tenant's own list"),
    "identifiers beside lists": ("test_identifiers_of_another_organization_give_nothing", "foreign identifier"),
    "what they are compared with belongs to another control": (
        "test_identifiers_of_another_organization_give_nothing",
        "unknown identifier",
    ),
    "the journal's coverage says who was let through": ("test_each_role_gets_what_the_document_gives_it_and_no_more", "entitled"),
    "its kind is a label of the recorder": ("test_foreign_identifiers_are_answered_like_unknown_ones", "unknown identifier"),
    "not read, not to be logged": ("test_flags_and_holds_are_logged_and_leave_zdr_on", "operator reads"),
    "not released, not to be logged": ("test_flags_and_holds_are_logged_and_leave_zdr_on", "release the hold"),
    "that it was logged is what counts": ("test_the_log_of_a_flag_outlives_what_was_kept", "flag on a date"),
    "inference shows it, features are more": ("test_requests_of_a_closed_organization_leave_nothing", "use when it is closed"),
    "what clients are told is for ZDR-BLK-13": ("test_every_history_", "limits of "),
    "where nothing of these is kept, nothing is excused by them": (
        "test_nothing_is_kept_of_an_inference_for_naming_what_was_begun_before_as_its_session",
        "ask in what never was",
    ),
    "one of the two is enough to see the cache": ("test_a_prompt_cache_serves_one_organization_alone", "again of "),
}
"""Check and beginning of the name of a step that may get no answer though the check holds, and why."""


@dataclass(frozen=True)
class Check:
    """A test of the suites, with what `@control` says of it."""

    name: str
    test: Callable[[Expect], None]
    control: str
    after: tuple[str, ...]
    epochs: tuple[Any, ...]
    counting: str

    def holds(self, expect: Expect) -> bool:
        try:
            self.test(expect)
        except (Violated, Inconclusive, DoesNotApply):
            return False
        except (TypeError, KeyError, IndexError, AttributeError):  # the plug-in makes it inconclusive: "the check broke"
            return False
        return bool(expect.weighed)

    def passes(self, history: History, profile: Profile) -> bool:
        """Whether it holds, and not on a vacuous record."""
        expect = Expect(history, profile, self.control, self.after, self.epochs)
        control = CATALOGUE.control(self.control)
        return self.holds(expect) and not examine(history, control, self.after, self.epochs, self.counting).problems


def checks() -> Iterator[Check]:
    for module in pkgutil.walk_packages(suites.__path__, "suites."):
        if module.name.rsplit(".", 1)[-1].startswith("test_"):
            for name, test in vars(importlib.import_module(module.name)).items():
                for mark in getattr(test, "pytestmark", ()) if inspect.isfunction(test) else ():
                    control, scenarios, epochs, counting, _ = mark.args
                    yield Check(name, test, control, tuple(s.name for s in scenarios), epochs, counting)


CHECKS = tuple(checks())


@dataclass(frozen=True)
class Audited:
    events: tuple[Frozen, ...]
    profile: Profile

    def changed(self, change: dict[str, Any], where: Callable[[Interaction], bool] = lambda _: True) -> History:
        """The record with these changes of the interactions that fit."""
        return History(e.model_copy(update=change) if isinstance(e, Interaction) and where(e) else e for e in self.events)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("audit")
    subprocess.run([*AUDIT, "--report-dir", str(folder)], check=True, capture_output=True, timeout=600, cwd=ROOT)
    with Journal(folder / "journal.sqlite", read_only=True) as journal:
        return Audited(tuple(journal.events()), load("simulator").profile)


def test_every_check_is_looked_at():
    assert len(CHECKS) >= 146
    assert {check.control for check in CHECKS} == {control.id for control in CATALOGUE.controls}


def test_each_check_holds_where_all_is_answered(audited: Audited):
    history = audited.changed({})
    broken = [check.name for check in CHECKS if not check.holds(Expect(history, audited.profile, check.control, check.after, check.epochs))]
    assert not broken


@pytest.mark.parametrize("answer", DEAD)
def test_no_check_passes_where_nothing_is_answered(audited: Audited, answer: str):
    history = audited.changed(DEAD[answer])
    assert [check.name for check in CHECKS if check.passes(history, audited.profile)] == []


def test_a_check_does_not_hold_on_a_step_that_it_asks_for_and_that_got_no_answer(audited: Audited):
    history = audited.changed({})
    held = Counter[tuple[str, str]]()
    for check in CHECKS:
        for step in steps_asked_for(check, history, audited.profile):
            expect = Expect(history, audited.profile, check.control, check.after, check.epochs)
            expect.interactions = [i.model_copy(update=DEAD["no answer"]) if i.step == step else i for i in expect.interactions]
            held[check.name, step] += check.holds(expect)
    allowed = set(IDLE.values())
    unexplained = [(n, s) for (n, s), count in held.items() if count and not any(n.startswith(a) and s.startswith(b) for a, b in allowed)]
    assert unexplained == []
    unused = [why for why, (a, b) in IDLE.items() if not any(c and n.startswith(a) and s.startswith(b) for (n, s), c in held.items())]
    assert unused == [], "these need no exception any more"


def steps_asked_for(check: Check, history: History, profile: Profile) -> list[str]:
    """The steps that the check looks for by their name, of those that the record has."""
    asked: set[str] = set()

    class Listening(Expect):
        def where(self, **wanted: str | bool) -> list[Interaction]:
            found = super().where(**wanted)
            asked.update({str(wanted["step"])} if found and "step" in wanted else ())
            return found

    check.test(Listening(history, profile, check.control, check.after, check.epochs))
    return sorted(asked)
