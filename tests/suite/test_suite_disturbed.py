"""Blocked features are the next thing that is asked for after something happened, and their refusal is never taken for granted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import by_control, interaction, started
from inside import Lab

from suites.blocked import disturbed
from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.suite.bypass.judge import no_state_opens
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.party import NotThere
from zdr_audit.target.transport import Answer, Outgoing

SERVED: dict[str, Any] = {"status": 200, "outcome": "accepted"}
POLICY: dict[str, Any] = {"status": 403, "outcome": "refused_by_policy"}
BROKEN: dict[str, Any] = {"status": 500, "outcome": "server_error"}
SILENT: dict[str, Any] = {"status": None, "outcome": "no_answer", "error": "timed out"}


def driven(lab: Lab, scenario: Scenario) -> list[Interaction]:
    """What a scenario sends at depth quick, in the order sent."""
    scenario.drive(lab.assay(scenario.name, 0, "quick"))
    return [i for i in lab.history().interactions.values() if i.scenario == scenario.name]


def steps(items: list[Interaction]) -> list[tuple[str, str, str]]:
    return [(i.organization, i.step, i.outcome) for i in items]


# -- driving ------------------------------------------------------------------------------------------------------------------------


def test_a_feature_is_the_next_thing_that_is_asked_for_after_something_went_wrong(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        sent = driven(lab, disturbed.features_after_what_went_wrong)
    assert steps(sent)[:8] == [
        ("staff", "inject 500", "accepted"),
        ("subject", "fail", "accepted"),
        ("subject", "use after the backend failed", "refused_by_policy"),
        ("staff", "inject 529", "accepted"),
        ("subject", "fail", "accepted"),
        ("subject", "use after the backend was overloaded", "refused_by_policy"),
        ("subject", "make a mistake", "accepted"),
        ("subject", "use after a request was in error", "refused_by_policy"),
    ]
    used = [i for i in sent if "state" in i.labels]
    assert [i.labels["feature"] for i in used] == ["web_sessions", "remote_sessions", "feedback"], "another feature for every state"
    assert [i.counts for i in sent] == ["state" in i.labels for i in sent]


def test_a_state_that_does_not_come_about_is_not_tried(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:  # its answers come whole, so that none can be abandoned
        sent = driven(lab, disturbed.features_after_what_went_wrong)
    assert sent[-1].step == "go away"
    assert not any(i.labels.get("state") == "a stream was abandoned" for i in sent)


def test_a_feature_is_asked_for_right_after_a_key_was_revoked_by_whoever_is_over_the_limit_and_after_a_purge(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        administered = driven(lab, disturbed.features_after_administration)
        purged = driven(lab, disturbed.features_after_a_purge)
    settings = [
        ("say yes to all", "admin", "accepted"),
        ("use after managed settings said yes to every feature", "member", "refused_by_policy"),
    ]
    number = sum(any(e.begins for e in feature.endpoints) for feature in lab.profile.features.values())
    assert [(i.step, i.role, i.outcome) for i in administered][-6 - 2 * number :] == [
        ("give a colleague a key", "admin", "accepted"),
        ("revoke the key", "admin", "accepted"),
        ("use after a key was revoked", "member", "refused_by_policy"),
        *settings * number,
        ("set the limit", "admin", "accepted"),
        ("spend more", "member", "accepted"),
        ("use after a user was stopped by a limit", "member", "refused_by_policy"),
    ]
    assert [(i.step, i.outcome) for i in purged] == [("purge", "accepted"), ("use after the purge ran", "refused_by_policy")]


GONE = ("purge.run", "key.revoke", "settings.write", "cost.set")


@pytest.mark.parametrize("scenario", [disturbed.features_after_administration, disturbed.features_after_a_purge])
def test_where_the_profile_offers_no_means_the_scenario_is_about_what_is_not_there(tmp_path: Path, scenario: Scenario) -> None:
    with Lab(tmp_path) as lab:
        kept = {name: spec for name, spec in lab.profile.operations.items() if name not in GONE}
        lab.profile = lab.profile.model_copy(update={"operations": kept})
        with pytest.raises(NotThere, match=r"offers none of 'key\.revoke', 'settings\.write', 'cost\.set'|has none of: the purge ran"):
            scenario.drive(lab.assay(scenario.name, 0, "quick"))
        assert not lab.history().interactions, "no organization is made for nothing"


def test_what_neither_opens_nor_names_the_policy_is_tried_in_the_same_state_without_zdr(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        send = lab.transport.send

        def failing(outgoing: Outgoing) -> Answer:
            answer = send(outgoing)
            return replace(answer, status=500, body=b"{}") if outgoing.operation.startswith("feature:") else answer

        lab.transport.send = failing  # type: ignore[method-assign]
        sent = driven(lab, disturbed.features_after_what_went_wrong)
    assert steps(sent)[2:6] == [
        ("subject", "use after the backend failed", "server_error"),
        ("staff", "inject 500", "accepted"),
        ("control", "fail", "accepted"),
        ("control", "use after the backend failed", "server_error"),
    ]
    assert sent[2].pair == sent[5].pair
    assert (sent[2].counts, sent[5].counts) == (True, False)


def test_a_gate_that_a_failure_opens_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "blk-failover-has-no-gate") as lab:
        driven(lab, disturbed.features_after_what_went_wrong)
        expect = Expect(lab.history(), lab.profile, "ZDR-BLK-08", (disturbed.features_after_what_went_wrong.name,), ("main",))
        message, findings = violated(lambda: no_state_opens(expect, "it must stay refused"))
    assert message.startswith("it must stay refused, but: after the backend failed (web_sessions): i-00003 subject.member POST")
    assert findings[0].message == "it must stay refused: after the backend failed"


# -- judging ------------------------------------------------------------------------------------------------------------------------


def tried(number: int, subject: dict[str, Any], control: dict[str, Any] | None = None) -> list[Interaction]:
    more = {"pair": f"p{number}", "labels": {"state": f"it {number}", "feature": "files"}, "scenario": "blocked.story"}
    theirs = [by_control(2 * number, **(more | control))] if control is not None else []
    return [*theirs, interaction(2 * number + 1, **(more | subject))]


def expect(*items: Interaction) -> Expect:
    return Expect(History([started(), *items]), load("simulator", {}).profile, "ZDR-BLK-08", ("blocked.story",), ("main",))


def test_a_refusal_that_names_the_policy_speaks_for_itself() -> None:
    no_state_opens(expect(*tried(1, POLICY), *tried(2, BROKEN, BROKEN)), "must not")


def test_another_refusal_counts_where_the_control_organization_had_the_feature() -> None:
    no_state_opens(expect(*tried(1, BROKEN, SERVED)), "must not")


@pytest.mark.parametrize("attempt", [tried(1, BROKEN), tried(1, BROKEN, BROKEN), [interaction(1, scenario="blocked.story")]])
def test_where_nothing_was_refused_that_would_have_worked_nothing_is_proved(attempt: list[Interaction]) -> None:
    assert inconclusive(lambda: no_state_opens(expect(*attempt), "must not")) == (
        "in none of the states was a feature refused by policy, nor did one work without ZDR, so no refusal means anything"
    )


def test_no_decision_where_another_has_the_feature_is_no_refusal() -> None:
    said = inconclusive(lambda: no_state_opens(expect(*tried(1, POLICY), *tried(2, SILENT, SERVED)), "must not"))
    assert said == "no decision from the target: i-00005 subject.member POST /v1/messages -> timed out"


def test_the_state_that_opens_is_named_with_the_feature() -> None:
    message, (finding,) = violated(lambda: no_state_opens(expect(*tried(1, POLICY), *tried(2, SERVED)), "must not"))
    assert message == "must not, but: after it 2 (files): i-00005 subject.member POST /v1/messages -> 200"
    assert (finding.interaction, finding.message) == ("i-00005", "must not: after it 2")
