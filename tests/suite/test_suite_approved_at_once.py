"""Where a request is approved by the answer to it: the model, the order of administrators and the log take the request for both, and no review is tried."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from engine_events import interaction
from inside import Lab
from reshaped_simulator import profile as reshaped

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.run.availability import split
from zdr_audit.simulator.tables import ZdrRequest
from zdr_audit.simulator.workflow import Workflow as Simulated
from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.histories.model import Model
from zdr_audit.suite.linear.order import find_order
from zdr_audit.suite.linear.record import _parts, event_of
from zdr_audit.suite.linear.workflow import Entry, Workflow, World
from zdr_audit.suite.outcomes import Violated
from zdr_audit.suite.party import NotOffered

ENABLEMENT, AUDIT_LOG = (importlib.import_module(name) for name in ("suites.enablement.scenarios", "suites.audit_log.scenarios"))
CHECKS = importlib.import_module("suites.enablement.test_enablement")


@pytest.fixture(params=["at-once", "at-once+two-entries"], ids=["one entry for both", "one entry each"])
def profile(tmp_path: Path, request: pytest.FixtureRequest) -> Profile:
    return load(str(reshaped(tmp_path, request.param)), {}).profile


def acted(number: int, kind: str, outcome: str = "accepted", request: str = "r1") -> Any:
    also = {"also": "zdr.approve"} if kind == "requested" else {"asked": request}
    return interaction(
        number,
        operation={"requested": "zdr.request", "enabled": "zdr.enable", "disabled": "zdr.disable"}[kind],
        role="account_team" if kind == "requested" else "reviewer",
        outcome=outcome,
        status=200 if outcome == "accepted" else 409,
        accepted=outcome == "accepted",
        labels={"audit": kind, "about": "org_a", **also},
        data={"request": request} if kind == "requested" else None,
        started_at=f"{number}0",
        ended_at=f"{number}1",
    )


def model_of(profile: Profile) -> Model:
    made = Model(profile)
    made.know("org_a", zdr=False)
    return made


def test_every_control_has_its_means(profile: Profile) -> None:
    actors = {f"{group}.{role}" for group, roles in profile.actors.items() for role in roles}
    assert split(profile, load_catalogue().controls, actors) == ({}, {})


def test_the_model_takes_the_request_for_the_approval(profile: Profile) -> None:
    model, each = model_of(profile), profile.further_entry is not None
    assert model.take(acted(1, "requested")) == ""
    known = model.organizations["org_a"]
    assert known.world.status("r1") == "approved"
    assert [entry.kind for entry in known.log] == ["requested", *(["approved"] if each else [])]
    assert model.take(acted(2, "enabled")) == ""
    assert known.world.zdr


def test_the_model_finds_what_must_not_be(profile: Profile) -> None:
    model = model_of(profile)
    model.take(acted(1, "requested"))
    assert model.take(acted(2, "enabled", "conflict")) == "it must be possible, and was refused"
    assert model.take(acted(3, "enabled", request="another")) == "it must be refused, and was done"
    model.take(acted(4, "enabled"))
    model.take(acted(5, "disabled"))
    assert model.take(acted(6, "enabled")) == "it must be refused, and was done"


@pytest.mark.parametrize(
    ("kinds", "found"),
    [(("requested", "enabled"), "found"), (("enabled",), "none"), (("requested", "enabled", "disabled", "enabled"), "none")],
)
def test_the_rules_hold_of_a_request_that_is_approved_at_once(kinds: tuple[str, ...], found: str) -> None:
    events = [event for n, kind in enumerate(kinds) if (event := event_of(acted(n + 1, kind))) is not None]
    model = Workflow(tuple(Entry(kind, "success") for kind in kinds))
    assert find_order(events, World(), model.step, model.done, model.looks).result == found


def test_a_request_is_two_things_where_each_has_its_entry() -> None:
    event = event_of(acted(1, "requested"))
    refused = event_of(acted(2, "requested", "conflict"))
    assert event is not None and refused is not None
    assert [part.value.kind for part in _parts(event, True)] == ["requested", "approved"]
    assert [part.value.request for part in _parts(event, True)] == ["r1", "r1"]
    assert _parts(event, False) == (event,)
    assert _parts(refused, True) == (refused,)
    log = Workflow((Entry("requested", "success"), Entry("approved", "success")))
    assert find_order(_parts(event, True), World(), log.step, log.done, log.looks).result == "found"
    assert find_order(_parts(event, False), World(), log.step, log.done, log.looks).result == "none"


# -- the target, in the same process ------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch):
    with Lab(tmp_path) as lab:
        ask, approve = Simulated.request, Simulated.approve

        def request(self: Simulated, caller: Any, organization_id: str, reference: str) -> ZdrRequest:
            row = ask(self, caller, organization_id, reference)
            append = self.parts.audit.append
            if profile.further_entry is None:
                monkeypatch.setattr(self.parts.audit, "append", lambda *_, **__: None)
            try:
                return approve(self, caller, row.id, reference)
            finally:
                self.parts.audit.append = append  # type: ignore[method-assign]

        monkeypatch.setattr(Simulated, "request", request)
        lab.profile = profile
        yield lab


def driven(lab: Lab, scenario: Any) -> Expect:
    scenario.drive(lab.assay(scenario.name, 3, "quick"))
    return Expect(lab.history(), lab.profile, "ZDR-ENB-01", (scenario.name,), ("main",))


def test_a_review_is_no_step_of_its_own(lab: Lab) -> None:
    assay = lab.assay("enablement.x", 1, "quick")
    assert assay.offers("zdr.approve") and not assay.separate("zdr.approve") and assay.separate("zdr.enable")
    with pytest.raises(NotOffered) as caught:
        assay.provide("zdr.approve", step="approve", org=assay.subject, request="none")
    assert str(caught.value) == "'zdr.approve' is nothing by itself: 'zdr.request' does it also"
    assert assay.enable(assay.fresh()).content == "zdr"


def test_the_way_to_zdr_is_request_and_enabling(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.the_way_to_zdr)
    CHECKS.test_request_review_and_enabling_lead_to_zdr(expect)
    assert [i.step for i in expect.interactions if i.counts] == ["request", "enable", "status after"]


def test_what_is_used_up_is_tried(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.enabling_without_review)
    CHECKS.test_nothing_is_enabled_without_an_approved_review(expect)
    tried = [i.step for i in expect.interactions if i.counts]
    assert tried == ["enable without a request", "enable by what is used up", "enable by what is used up"]


def test_enabling_by_what_is_used_up_is_found(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.parts.workflow, "_in_status", lambda session, request_id, *_: session.get(ZdrRequest, request_id))
    scenario = ENABLEMENT.enabling_without_review
    try:
        scenario.drive(lab.assay(scenario.name, 3, "quick"))
    except Exception as exc:  # what is enabled already cannot be enabled again
        assert type(exc).__name__ == "ScenarioBroken"
    expect = Expect(lab.history(), lab.profile, "ZDR-ENB-03", (scenario.name,), ("main",))
    with pytest.raises(Violated, match="ZDR must not be enabled without an approved review"):
        CHECKS.test_nothing_is_enabled_without_an_approved_review(expect)


def test_the_log_has_what_the_profile_says(lab: Lab) -> None:
    expect = driven(lab, AUDIT_LOG.enablement_actions)
    (told,) = Story.all(expect)
    for refused in (False, True):
        told.has_one_entry_for_each(expect, refused=refused)
    told.is_in_order(expect)
    told.names_actor_and_organization(expect)


def test_an_entry_of_an_approval_is_missed_where_the_profile_names_its_type_alone(lab: Lab, tmp_path: Path) -> None:
    each = lab.profile.further_entry is not None
    (tmp_path / "other").mkdir()
    lab.profile = load(str(reshaped(tmp_path / "other", "at-once" if each else "at-once+two-entries")), {}).profile
    (told,) = Story.all(driven(lab, AUDIT_LOG.enablement_actions))
    expect = Expect(lab.history(), lab.profile, "ZDR-AUD-01", (AUDIT_LOG.enablement_actions.name,), ("main",))
    if each:  # what the log has beside is no matter of a profile that names no type for it
        told.has_one_entry_for_each(expect, refused=False)
        return
    with pytest.raises(Violated, match="must have 2 entries, the audit log has 0"):
        told.has_one_entry_for_each(expect, refused=False)
