"""What holds for a flagged session and a hold goes on to hold after changes of the organization."""

from __future__ import annotations

from pathlib import Path

import pytest
from bound import inconclusive, violated
from engine_events import Record, canary, interaction
from inside import Lab

from suites.exceptions import changes
from suites.exceptions.test_exceptions import CHANGES
from suites.exceptions.test_exceptions import (
    test_a_flag_keeps_no_other_session_after_changes_of_the_organization as keeps_no_other,
)
from suites.exceptions.test_exceptions import (
    test_a_hold_keeps_only_what_it_names_after_changes_of_the_organization as keeps_what_it_names,
)
from suites.exceptions.test_exceptions import (
    test_kept_content_is_readable_by_no_customer_after_changes_of_the_organization as readable_by_none,
)
from zdr_audit.journal.events import Interaction, ScenarioEnded
from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.suite.party import NotThere

DISABLED, MIGRATED = (scenario.name for scenario in CHANGES)


def without(lab: Lab, *operations: str) -> None:
    """The target has none of these operations."""
    kept = {name: spec for name, spec in lab.profile.operations.items() if name not in operations}
    lab.profile = lab.profile.model_copy(update={"operations": kept})


def driven(lab: Lab, scenario: Scenario) -> list[Interaction]:
    """What a scenario sends at depth quick, in the order sent."""
    scenario.drive(lab.assay(scenario.name, 0, "quick"))
    return [i for i in lab.history().interactions.values() if i.scenario == scenario.name]


def steps(items: list[Interaction]) -> list[str]:
    return [i.step for i in items if not i.step.startswith(("create", "enable"))]


# -- driving ------------------------------------------------------------------------------------------------------------------------


def test_customers_look_after_every_change_and_others_go_on(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        sent = driven(lab, changes.a_flagged_session_and_a_disabling)
    look = ["operator lists after a change", changes.READ, changes.READ, changes.READ_BACK]
    before = [changes.BEFORE, "flag before the change", "ask in the flagged session before the change", "hold before the change"]
    after = [changes.BESIDE, changes.BESIDE, "release after the change", "close the organization"]
    assert steps(sent) == [*before, "disable", *look, *look, *after]
    assert {i.content for i in sent if i.step in (changes.BEFORE, changes.BESIDE)} == {"zdr"}
    assert {i.outcome for i in sent if i.step == changes.READ}.isdisjoint({"accepted"})


def test_an_item_of_what_is_given_back_is_read_by_its_name(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay(DISABLED, 0, "quick")
        org = hands.fresh()
        told = hands.infer(org.member, changes.Stimulus(), step="what standard retention keeps")
        (evidence,) = [e for e in lab.profile.evidence if e.kind == "http"]
        changes._read_back(hands, org, evidence, {})
        listed, read = [i for i in lab.history().interactions.values() if i.step == changes.READ_BACK]
        assert (listed.operation, read.operation, read.outcome) == (evidence.operation, evidence.detail, "accepted")
        assert set(told.interaction.canaries) <= set(read.echoes)
        nameless = evidence.model_copy(update={"detail": "exceptions.read"})
        changes._read_back(hands, org, nameless, {})  # its list names no exception: nothing more is sent, and nothing breaks


def test_what_cannot_be_done_is_left_out(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        without(lab, "hold.place", "organization.delete", "exceptions.read")
        assert steps(driven(lab, changes.a_flagged_session_and_a_migration)) == [
            changes.BEFORE,
            "flag before the change",
            "ask in the flagged session before the change",
            "migrate",
            changes.READ_BACK,
            changes.BESIDE,
            changes.BESIDE,
        ]
        without(lab, "zdr.disable")
        with pytest.raises(NotThere):
            driven(lab, changes.a_flagged_session_and_a_disabling)


# -- judging ------------------------------------------------------------------------------------------------------------------------


def expect(*items: Interaction, broken: bool = False, absent: bool = False) -> Expect:
    """The helpers bound to these interactions of the disabling; `broken`: it broke off; `absent`: the target has none of the changes."""
    record = Record()
    record.interactions = [item.model_copy(update={"scenario": DISABLED}) for item in items]
    kept = canary(1, interaction(1)).model_copy(update={"content": "exception"})
    record.canaries = [kept, canary(2, interaction(2)).model_copy(update={"content": "standard"})]
    for name in (DISABLED, MIGRATED):
        error = "ScenarioBroken" if broken else None
        record.scenarios.append(ScenarioEnded(name=name, error=error, not_run="none there" if absent else None, absent=absent))
    return Expect(record.history(), load("simulator", {}).profile, "ZDR-EXC-04", (DISABLED, MIGRATED), ("main",))


def read(number: int = 3, **more: object) -> Interaction:
    return interaction(number, step=changes.READ, **{"operation": "exceptions.read", "status": 404, "outcome": "client_error", **more})


def back(number: int = 4, **more: object) -> Interaction:
    return interaction(number, step=changes.READ_BACK, **{"operation": "sessions.read", **more})


def test_refusals_and_lists_without_exceptional_content_are_accepted() -> None:
    readable_by_none(expect(read(), back()))
    readable_by_none(expect(read()))
    readable_by_none(expect(back(echoes=("c-00002",))))  # what standard retention keeps is given back to whom it is


def test_exceptional_content_that_a_customer_reads_is_a_violation() -> None:
    said, _ = violated(lambda: readable_by_none(expect(read(status=200, outcome="accepted"), back())))
    assert "operator alone" in said
    said, findings = violated(lambda: readable_by_none(expect(read(), back(echoes=("c-00002", "c-00001")))))
    assert "given back" in said or "gives stored content back" in said
    assert [finding.canary for finding in findings]


def test_a_read_back_without_a_decision_says_nothing() -> None:
    assert "no decision" in inconclusive(lambda: readable_by_none(expect(back(status=None, outcome="no_answer", error="timed out"))))


@pytest.mark.parametrize("check", [keeps_no_other, readable_by_none, keeps_what_it_names])
def test_where_nothing_was_changed_nothing_is_said(check: object) -> None:
    assert callable(check)
    assert "came to be changed" in inconclusive(lambda: check(expect(broken=True)))
    for nothing in (expect(), expect(absent=True)):
        with pytest.raises(DoesNotApply):
            check(nothing)


def test_what_a_hold_does_not_name_is_judged_where_something_is_held() -> None:
    beside = interaction(3, step=changes.BESIDE, canaries=("c-00001",))
    assert "hold before the change" in inconclusive(lambda: keeps_what_it_names(expect(beside)))
    keeps_what_it_names(expect(beside, interaction(4, step="hold before the change", operation="hold.place")))
