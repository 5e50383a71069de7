"""That something must be gone by a later time is held against a record in which that time came, and against no other."""

from __future__ import annotations

import importlib

import pytest
from bound import inconclusive, violated
from engine_events import Record, hit, interaction, source_read

from zdr_audit.journal.events import ScenarioEnded
from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.passed import has_passed

CHAT = importlib.import_module("suites.scope.test_outside").test_chat_works_and_is_gone_after_the_standard_period
PASS = importlib.import_module("suites.exceptions.scenarios").two_years_pass
NOT_PASSED = {
    "it broke off": ScenarioEnded(name=PASS.name, error="advance the clock: 500"),
    "it was not run": ScenarioEnded(name=PASS.name, not_run="the budget is spent"),
    "there is no clock": ScenarioEnded(name=PASS.name, not_run="the target has no clock", absent=True),
    "it was never begun": None,
}


def record(ended: ScenarioEnded | None) -> Expect:
    made = Record()
    chat = interaction(61, scenario="scope.chat_of_a_zdr_organization", operation="chat.send", content="not_covered", canaries=("c-00061",))
    made.interactions.append(chat)
    made.canaries.append(made.canaries[0].model_copy(update={"id": "c-00061", "interaction": chat.id}))
    made.scenarios.append(ScenarioEnded(name=chat.scenario))
    if ended is not None:
        made.scenarios.append(ended)
    made.reads.append(source_read("db", [hit("c-00061")], epoch="late"))
    return Expect(made.history(), load("simulator", {}).profile, "ZDR-SCP-06", (chat.scenario, PASS.name), ("main", "late"))


@pytest.mark.parametrize("ended", NOT_PASSED.values(), ids=NOT_PASSED)
def test_what_is_there_before_its_time_is_over_is_no_violation(ended):
    said = f"the scenario {PASS.name} was not driven to its end, so that what is still there says nothing"
    assert inconclusive(lambda: CHAT(record(ended))) == said
    assert inconclusive(lambda: has_passed(record(ended), PASS)) == said


def test_what_is_there_afterwards_is_one():
    message, (finding,) = violated(lambda: CHAT(record(ScenarioEnded(name=PASS.name))))
    assert message.startswith("chat content must be gone once the standard period has passed")
    assert finding.interaction == "i-00061"
