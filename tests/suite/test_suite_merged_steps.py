"""Where the approval enables: no step is tried that there is not, and model, log and promise take the approval for the enabling."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from engine_events import Record, interaction
from inside import Lab

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Permissions, Profile
from zdr_audit.run.availability import split
from zdr_audit.simulator.app import build_app
from zdr_audit.simulator.tables import ZdrRequest
from zdr_audit.simulator.violations.enablement import role_may
from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.contract.walk import AFTER_REMOVAL, Walk
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.histories.machine import Bounds, drive
from zdr_audit.suite.histories.model import Model
from zdr_audit.suite.histories.replay import histories, replay, story
from zdr_audit.suite.linear.order import find_order
from zdr_audit.suite.linear.record import ENABLING, Concurrent, entry_of, event_of, log_agrees, rules_hold, sights_agree
from zdr_audit.suite.linear.workflow import Entry, Workflow, World
from zdr_audit.suite.outcomes import Violated
from zdr_audit.suite.party import NotOffered
from zdr_audit.suite.switching import switchings

ENABLEMENT, AUDIT_LOG, IN_FLIGHT = (
    importlib.import_module(name) for name in ("suites.enablement.scenarios", "suites.audit_log.scenarios", "suites.retention.in_flight")
)
CHECKS = importlib.import_module("suites.enablement.test_enablement")
SHORT = Bounds(histories=2, steps=14, attempts=5, seconds=5)


def merged(profile: Profile, **types: Any) -> Profile:
    """The same target, of which the profile says that the approval enables."""
    assert profile.audit_types is not None
    operations = {name: spec for name, spec in profile.operations.items() if name != "zdr.enable"}
    operations["zdr.approve"] = operations["zdr.approve"].model_copy(update={"also": ("zdr.enable",)})
    return profile.model_copy(update={"operations": operations, "audit_types": profile.audit_types.model_copy(update=types)})


def approval_enables(lab: Lab, *, entries: int) -> None:
    """Makes the simulator one whose approval enables, with one entry for both or one for each."""
    workflow, audit = lab.parts.workflow, lab.parts.audit
    approve, append = workflow.approve, audit.append

    def both(caller: Any, request_id: str, reference: str) -> Any:
        approve(caller, request_id, reference)
        if entries == 1:
            audit.append = lambda *_, **__: None
        try:
            return workflow.enable(caller, request_id, reference)
        finally:
            audit.append = append

    workflow.approve = both
    lab.profile = merged(lab.profile, **({"enabled": None} if entries == 1 else {}))


@pytest.fixture(params=[1, 2], ids=["one entry for both", "one entry each"])
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab(tmp_path) as lab:
        approval_enables(lab, entries=request.param)
        yield lab


def driven(lab: Lab, scenario: Any) -> Expect:
    """The record of a scenario on this target."""
    scenario.drive(lab.assay(scenario.name, 3, "quick"))
    return Expect(lab.history(), lab.profile, "ZDR-ENB-01", (scenario.name,), ("main",))


def tried(expect: Expect) -> list[tuple[str, str, str]]:
    return [(i.step, i.operation, i.outcome) for i in expect.interactions if i.counts]


# -- what is offered ----------------------------------------------------------------------------------------------------------------


def test_a_step_that_another_does_is_offered_and_its_controls_have_their_means() -> None:
    profile = merged(load("simulator", {}).profile)
    actors = {f"{group}.{role}" for group, roles in profile.actors.items() for role in roles}
    assert split(profile, load_catalogue().controls, actors) == ({}, {})
    assert split(profile.model_copy(update={"absent": {"zdr.e*": "a pattern"}}), load_catalogue().controls, actors) == ({}, {})
    forbidden = profile.model_copy(update={"permissions": Permissions(allow=("organization.*",))})
    assert split(forbidden, load_catalogue().controls, actors)[1]["ZDR-ENB-04"] == "the profile's permissions do not allow 'zdr.approve'"


def test_a_step_that_another_does_cannot_be_taken_by_itself(lab: Lab) -> None:
    assay = lab.assay("enablement.x", 1, "quick")
    assert assay.offers("zdr.enable")
    assert not assay.separate("zdr.enable")
    assay.needs("zdr.enable")
    assert assay.doer("zdr.enable") == assay.doer("zdr.approve")
    with pytest.raises(NotOffered) as caught:
        assay.provide("zdr.enable", step="enable", org=assay.subject, request="none")
    assert str(caught.value) == "'zdr.enable' is nothing by itself: 'zdr.approve' does it also"


def test_enabling_ends_with_the_approval(lab: Lab) -> None:
    assay = lab.assay("enablement.x", 1, "quick")
    org = assay.enable(assay.fresh())
    assert org.content == "zdr"
    assert assay.call("zdr.status", org.member, step="status", org=org).values["status"] == "enabled"
    steps = [i.operation for i in lab.history().interactions.values() if i.operation.startswith("zdr.")]
    assert steps == ["zdr.request", "zdr.approve", "zdr.status"]


# -- scenarios and their checks -----------------------------------------------------------------------------------------------------


def test_the_way_to_zdr_is_request_and_approval(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.the_way_to_zdr)
    CHECKS.test_request_review_and_enabling_lead_to_zdr(expect)
    assert tried(expect) == [
        ("request", "zdr.request", "accepted"),
        ("approve", "zdr.approve", "accepted"),
        ("status after", "zdr.status", "accepted"),
    ]


def test_customers_try_to_approve_and_there_is_nothing_else_to_try(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.customers_try_to_enable)
    CHECKS.test_no_customer_role_can_enable(expect)
    assert {step for step, _, _ in tried(expect)} == {"customer requests", "customer approves"}


def test_what_was_rejected_is_tried_to_be_approved(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.enabling_without_review)
    CHECKS.test_nothing_is_enabled_without_an_approved_review(expect)
    assert [step for step, _, _ in tried(expect)] == [*3 * ["enable after rejection"], "enable the ineligible"]


def test_the_account_team_tries_to_approve_its_own_request(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.the_account_team_on_its_own)
    CHECKS.test_the_account_team_cannot_review_or_enable_its_own_request(expect)
    assert {(step, operation) for step, operation, _ in tried(expect)} == {
        ("approve alone", "zdr.approve"),
        ("enable as other staff", "zdr.approve"),
    }


@pytest.mark.parametrize(
    ("scenario", "check", "role"),
    [
        ("customers_try_to_enable", "test_no_customer_role_can_enable", "admin"),
        ("the_account_team_on_its_own", "test_the_account_team_cannot_review_or_enable_its_own_request", "account_team"),
        ("the_account_team_on_its_own", "test_the_account_team_cannot_review_or_enable_its_own_request", "operator"),
    ],
)
def test_an_approval_by_the_wrong_people_is_found(lab: Lab, scenario: str, check: str, role: str) -> None:
    role_may(lab.parts, name="zdr.approve", role=role)
    lab.lives.app = build_app(lab.parts)
    driving = getattr(ENABLEMENT, scenario)
    with suppress(ScenarioBroken):  # what was approved already cannot be approved again
        driving.drive(lab.assay(driving.name, 3, "quick"))
    expect = Expect(lab.history(), lab.profile, "ZDR-ENB-01", (driving.name,), ("main",))
    with pytest.raises(Violated):
        getattr(CHECKS, check)(expect)


def test_an_approval_of_what_was_rejected_is_found(lab: Lab) -> None:
    lab.parts.workflow._in_status = lambda session, request_id, *_: session.get(ZdrRequest, request_id)  # type: ignore[method-assign]
    driving = ENABLEMENT.enabling_without_review
    with suppress(ScenarioBroken):
        driving.drive(lab.assay(driving.name, 3, "quick"))
    expect = Expect(lab.history(), lab.profile, "ZDR-ENB-03", (driving.name,), ("main",))
    with pytest.raises(Violated, match="ZDR must not be enabled without an approved review"):
        CHECKS.test_nothing_is_enabled_without_an_approved_review(expect)


def test_the_moment_of_enabling_is_that_of_the_approval(lab: Lab) -> None:
    expect = driven(lab, ENABLEMENT.the_moment_of_enabling)
    after = [i for i in expect.interactions if i.step == "ask after"]
    (approval,) = [i for i in expect.interactions if i.operation == "zdr.approve"]
    assert after
    assert all(i.content == "zdr" and i.started_at >= approval.ended_at for i in after)


def test_the_log_has_what_the_profile_says_of_an_approval_that_enables(lab: Lab) -> None:
    expect = driven(lab, AUDIT_LOG.enablement_actions)
    (told,) = Story.all(expect)
    for refused in (False, True):
        told.has_one_entry_for_each(expect, refused=refused)
    told.is_in_order(expect)
    told.names_actor_and_organization(expect)
    told.times_fit(expect)


def test_an_entry_that_an_approval_lacks_or_has_too_many_is_found(tmp_path: Path) -> None:
    for entries, said in ((1, "must have 1 entries, the audit log has 0"), (2, "")):
        with Lab(tmp_path / str(entries)) as lab:
            approval_enables(lab, entries=entries)
            if entries == 1:
                lab.profile = merged(load("simulator", {}).profile)  # says that there are two
            expect = driven(lab, AUDIT_LOG.enablement_actions)
            (told,) = Story.all(expect)
            if not said:
                told.has_one_entry_for_each(expect, refused=False)
                continue
            with pytest.raises(Violated, match=said):
                told.has_one_entry_for_each(expect, refused=False)


def test_the_walk_through_the_interface_approves_when_customers_have_done_their_part(lab: Lab) -> None:
    assay = lab.assay("contract.documented_interface", 1, "quick")
    document = assay.document("openapi.read", step="read the interface document")
    for path in document["paths"].values():
        for said in path.values():
            said.pop("x-zdr-roles", None)  # of most targets nobody says who may do what
    org = assay.fresh()
    Walk(assay, document, org, {"admin": org.admin, "member": org.member, **assay.staff_actors}, assay.other("neighbour")).go()
    sent = list(lab.history().of([assay.scenario]))
    (approved,) = [n for n, i in enumerate(sent) if i.path.endswith("/approve") and i.outcome == "accepted"]
    assert not [i.path for i in sent if i.outcome == "refused_by_policy"]
    removed = [n for n, i in enumerate(sent) if i.step == AFTER_REMOVAL and not i.path.startswith("/v1/organizations")]
    assert removed
    assert max(removed) < approved


def test_administrators_at_once_are_explained(lab: Lab) -> None:
    assay = lab.assay(AUDIT_LOG.administrators_at_once.name, 3, "quick")
    assay.parallel = lambda jobs, *_: [job() for job in jobs]  # type: ignore[method-assign,assignment] # the simulator in the same process takes one at a time
    assay.together = assay.parallel  # type: ignore[method-assign,assignment]
    AUDIT_LOG.administrators_at_once.drive(assay)
    expect = Expect(lab.history(), lab.profile, "ZDR-AUD-10", (assay.scenario,), ("main",))
    assert not [i for i in expect.interactions if i.operation == "zdr.enable"]
    for record in Concurrent.all(expect):
        assert record.explain(rules=False, sights=False).result == "found"
        assert record.explain(rules=True, sights=False).result == "found"
        assert record.explain(rules=False, sights=True).result == "found"


def test_histories_keep_to_the_model_and_lead_to_zdr(lab: Lab) -> None:
    assay = lab.assay("enablement.many_histories", 4, "quick")
    drive(assay, SHORT, changes=True)
    sent = lab.history().of([assay.scenario])
    told = [replay(lab.profile, number, steps, {}) for number, steps in histories(sent).items()]
    assert len(told) >= SHORT.histories
    for one in told:
        assert not one.problem and not one.unknown, f"{one.problem}\n{story(one)}"
    assert [i for i in sent if i.operation == "zdr.approve" and i.outcome == "accepted"]


# -- the parts, by hand ---------------------------------------------------------------------------------------------------------------


def approval(number: int, outcome: str = "accepted", **labels: str) -> Any:
    more = {"audit": "approved", "asked": "r1", "about": "org_a", "also": "zdr.enable", "marker": f"ref-{number}"}
    status = {"accepted": 200, "denied": 403, "no_answer": None}[outcome]
    return interaction(
        number,
        operation="zdr.approve",
        role="reviewer",
        outcome=outcome,
        status=status,
        accepted=outcome == "accepted",
        labels=more | labels,
    )


def known(**types: Any) -> Model:
    made = Model(merged(load("simulator", {}).profile, **types))
    made.know("org_a", zdr=False)
    made.organizations["org_a"].world = World(requests=(("r1", "requested"),))
    made.organizations["org_a"].lasting.add("feature:files")
    return made


def test_the_model_takes_the_approval_for_the_enabling() -> None:
    model = known(enabled=None)
    assert model.take(approval(1)) == ""
    organization = model.organizations["org_a"]
    assert (organization.world.zdr, organization.world.status("r1"), organization.lasting) == (True, "enabled", set())
    assert [entry.kind for entry in organization.log] == ["approved"]


def test_the_model_expects_an_entry_each_where_the_profile_has_a_type_for_each() -> None:
    model = known()
    model.take(approval(1, "denied", role="admin"))
    model.take(approval(2))
    log = [(entry.kind, entry.outcome) for entry in model.organizations["org_a"].log]
    assert log == [("approved", "refused"), ("approved", "success"), ("enabled", "success")]


@pytest.mark.parametrize("status", ["rejected", "used"])
def test_an_approval_of_an_old_request_must_be_refused(status: Any) -> None:
    model = known()
    model.organizations["org_a"].world = World(requests=(("r1", status),))
    assert model.take(approval(1)) == "it must be refused, and was done"
    assert model.take(approval(2, "denied")) == ""


def test_an_approval_of_a_waiting_request_must_be_possible_unless_zdr_is_on() -> None:
    assert known().take(approval(1, "denied")) == "it must be possible, and was refused"
    model = known()
    model.organizations["org_a"].world = World(zdr=True, requests=(("r1", "requested"),))
    assert model.take(approval(1, "denied")) == ""


def test_an_approval_that_does_nothing_else_is_one_as_before() -> None:
    event = event_of(approval(1, also=""))
    assert event is not None
    assert not event.value.enables
    after = next(iter(Workflow(None).step(World(requests=(("r1", "requested"),)), event.value)))
    assert (after.zdr, after.status("r1")) == (False, "approved")


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        (("requested", "approved"), "found"),
        (("requested", "rejected", "approved"), "none"),
        (("requested", "approved", "rejected"), "none"),
        (("requested", "approved", "disabled", "approved"), "none"),
        (("approved",), "none"),
    ],
)
def test_the_rules_hold_of_an_approval_that_enables(kinds: tuple[str, ...], found: str) -> None:
    acted = [
        interaction(n, role="r", labels={"audit": kind, "asked": "r1"}, started_at=f"{n}0", ended_at=f"{n}1", data={"request": "r1"})
        for n, kind in enumerate(kinds)
    ]
    for item in acted:
        item.labels.update({"also": "zdr.enable"} if item.labels["audit"] == "approved" else {})
    events = [event for item in acted if (event := event_of(item)) is not None]
    model = Workflow(tuple(Entry(kind, "success") for kind in kinds))
    assert find_order(events, World(), model.step, model.done, model.looks).result == found


def test_one_type_for_both_is_the_approvals() -> None:
    types = merged(load("simulator", {}).profile).audit_types
    assert types is not None
    same = types.model_copy(update={"enabled": types.approved})
    entry = entry_of({"type": types.approved, "outcome": "success"}, same)
    assert entry is not None
    assert entry.kind == "approved"


@pytest.mark.parametrize(("outcome", "on"), [("accepted", True), ("no_answer", None)])
def test_an_approval_that_enables_switches_zdr_on(outcome: str, on: bool | None) -> None:
    (switch,) = switchings([approval(1, outcome)])["org_a"].switches
    assert switch.on is on
    assert switchings([approval(1, "denied")]) == switchings([approval(1, also="")]) == {}


def at_once(lab: Lab, entries: list[tuple[str, str]], *, seen: bool = True) -> Expect:
    """Two approve at the same moment, one of whom is refused; then the state is seen, and the log read."""
    profile = lab.profile
    types = profile.audit_types
    assert types is not None
    rows = [
        {"id": str(n), "sequence": n, "type": getattr(types, kind), "outcome": outcome, "organization": "org_a"}
        for n, (kind, outcome) in enumerate(entries, 1)
    ]
    about = {"scenario": "x.y", "organization_id": "org_a"}
    asked = interaction(
        1, operation="zdr.request", labels={"audit": "requested", "about": "org_a"}, data={"request": "r1"}, started_at="10", ended_at="11"
    )
    both = [
        approval(n, outcome).model_copy(update={"started_at": "20", "ended_at": "29"}) for n, outcome in ((2, "accepted"), (3, "denied"))
    ]
    look = interaction(
        4,
        operation="zdr.status",
        labels={"about": "org_a"},
        data={"status": "enabled" if seen else "disabled"},
        started_at="30",
        ended_at="31",
    )
    log = interaction(
        5, step="own log", operation="audit.list", labels={"about": "org_a"}, data={"items": rows}, started_at="40", ended_at="41"
    )
    record = Record()
    record.interactions = [item.model_copy(update=about) for item in (asked, *both, look, log)]
    return Expect(record.history(), profile, "ZDR-AUD-10", ("x.y",), ("main",))


def test_the_order_of_administrators_has_the_enabling_in_the_approval(lab: Lab) -> None:
    each = lab.profile.further_entry is not None
    done = [("requested", "success"), ("approved", "success"), *([("enabled", "success")] if each else []), ("approved", "refused")]
    for check in (log_agrees, sights_agree, rules_hold):
        check(at_once(lab, done))
    with pytest.raises(Violated, match="what was read and served must agree"):
        sights_agree(at_once(lab, done, seen=False))
    with pytest.raises(Violated, match="the audit log must agree with some order") as caught:
        log_agrees(at_once(lab, done[:-2]))
    assert ENABLING not in {finding.interaction for finding in caught.value.findings}
    assert all(not (finding.interaction or "").endswith(ENABLING) for finding in caught.value.findings)


def test_where_refusals_are_not_logged_the_place_in_the_log_is_told_right(lab: Lab) -> None:
    lab.profile = lab.profile.model_copy(update={"absent": {"audit.refused": "they go elsewhere"}})
    each = lab.profile.further_entry is not None
    done = [("requested", "success"), ("approved", "success"), *([("enabled", "success")] if each else [])]
    log_agrees(at_once(lab, done))
    with pytest.raises(Violated, match=f"entry {len(done) + 1} of {len(done) + 1} is 'rejected' success"):
        log_agrees(at_once(lab, [*done, ("rejected", "success")]))
