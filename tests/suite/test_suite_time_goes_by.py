"""What is held in memory for a while is followed past the end of that while, and a prompt cache with every time to live that it can be asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import interaction, started
from inside import Lab

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.suite.party import NotThere
from zdr_audit.target.transport import Answer, Outgoing, now

RETENTION, SCOPE = (importlib.import_module(f"suites.{family}.scenarios") for family in ("retention", "scope"))
CHECKS = importlib.import_module("suites.scope.test_organizations")
AN_HOUR = CHECKS.test_a_prompt_cache_serves_one_organization_alone_when_it_is_to_last_for_an_hour
SHARED: Scenario = SCOPE.a_beginning_that_organizations_share
INFERENCE = "messages.create"
REFUSED = Answer(400, {}, b'{"type": "error", "error": {"type": "invalid_request_error", "message": "no such mark"}}', "", now(), now())


def driven(lab: Lab, scenario: Scenario, **changes: Any) -> list[Interaction]:
    """What a scenario sends at depth quick, in the order sent."""
    assay = lab.assay(scenario.name, 1, "quick")
    for name, value in changes.items():
        setattr(assay, name, value)
    scenario.drive(assay)
    return list(lab.history().interactions.values())


# -- time that goes by --------------------------------------------------------------------------------------------------------------


def test_after_every_time_to_live_there_is_a_request(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        began = lab.parts.clock.now()
        sent = driven(lab, RETENTION.time_goes_by)
        gone_by = (lab.parts.clock.now() - began).total_seconds()
    before = [i.stimulus or {} for i in sent if i.step == "ask before time goes by"]
    assert [(s.get("cache", False), s.get("cache_hour", False), s.get("stream", False)) for s in before] == [
        (True, False, False), (True, True, True), (False, False, False), (False, False, True),
    ]  # fmt: skip
    assert [i.step for i in sent[4:]] == ["time goes by", "ask when time has gone by"] * 3
    assert all(i.accepted for i in sent if i.operation == INFERENCE) and not any(i.counts for i in sent)
    assert gone_by >= 301 + 3_601 + 86_401


def test_where_the_clock_cannot_be_moved_nothing_is_sent(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        kept = {name: spec for name, spec in lab.profile.operations.items() if name != "clock.advance"}
        lab.profile = lab.profile.model_copy(update={"operations": kept})
        with pytest.raises(NotThere, match=r"the profile names no operation 'clock\.advance'"):
            driven(lab, RETENTION.time_goes_by)
        assert not lab.history().interactions


# -- a beginning that organizations share -------------------------------------------------------------------------------------------


def of_an_hour(sent: list[Interaction]) -> list[Interaction]:
    return [i for i in sent if i.operation == INFERENCE and i.step.endswith(", for an hour")]


def test_a_beginning_is_shared_with_each_time_to_live(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        sent = driven(lab, SHARED)
    hour = of_an_hour(sent)
    usual = [i for i in sent if i.operation == INFERENCE and i not in hour]
    assert [(i.actor, f"{i.step}, for an hour") for i in usual] == [(i.actor, i.step) for i in hour]
    assert all((i.stimulus or {}).get("cache_hour") for i in hour) and not any(i.counts for i in hour)
    openings = [{(i.stimulus or {})["opening"] for i in chosen} for chosen in (usual, hour)]
    assert [len(names) for names in openings] == [2, 2] and not openings[0] & openings[1]


def test_what_no_mark_can_ask_for_is_not_sent_and_what_is_refused_not_shared(tmp_path: Path) -> None:
    def narrow(outgoing: Outgoing) -> Answer:
        return REFUSED if b'"ttl"' in (outgoing.body or b"") else send(outgoing)

    with Lab(tmp_path / "without") as lab:
        assert not of_an_hour(driven(lab, SHARED, offered=frozenset({"message", "answer", "opening"})))
    with Lab(tmp_path / "refused") as lab:
        send = lab.transport.send
        lab.transport.send = narrow  # type: ignore[method-assign]
        assert [i.step for i in of_an_hour(driven(lab, SHARED))] == ["first of control, for an hour", "first of subject, for an hour"]


def told(number: int, step: str, read: int | None, **changes: Any) -> Interaction:
    labels = {} if read is None else {"read_from_cache": str(read)}
    return interaction(number, scenario=SHARED.name, step=f"{step}, for an hour", labels=labels, **changes)


def judged(*items: Interaction) -> None:
    AN_HOUR(Expect(History([started(), *items]), load("simulator", {}).profile, "ZDR-SCP-10", (SHARED.name,), ("main",)))


def test_a_cache_that_serves_its_owner_alone_is_as_it_should_be() -> None:
    judged(told(1, "again of control", 900), told(2, "another organization", 0), told(3, "again of subject", 0))


def test_a_cache_that_serves_another_is_found() -> None:
    message, (finding,) = violated(
        lambda: judged(told(1, "again of control", 900), told(2, "another organization", 0), told(3, "another organization", 900))
    )
    assert (
        message.startswith("what another organization sent must not be in the prompt cache of an organization")
        and finding.interaction == "i-00003"
    )


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (
            (told(1, "another organization", 0), told(2, "again of control", 0)),
            "not even the organization that sent the same before was served",
        ),
        ((told(1, "another organization", 0),), "not even the organization that sent the same before was served"),
        ((told(1, "another organization", None),), "the answer does not say how much was read from a prompt cache (i-00001)"),
        ((told(1, "first of control", None, status=429, outcome="rate_limited", accepted=False),), "no decision from the target: i-00001"),
    ],
)
def test_where_nobody_knows_whom_it_serves_nothing_is_proved(items: tuple[Interaction, ...], said: str) -> None:
    assert inconclusive(lambda: judged(*items)).startswith(said)


def test_a_target_without_such_a_mark_is_not_asked_about_it() -> None:
    refused = told(1, "first of control", None, status=400, outcome="client_error", accepted=False)
    for items in ((), (refused,)):
        with pytest.raises(DoesNotApply, match="the dialect or the target has no mark that asks for an hour in the cache"):
            judged(*items)
