"""What waits while years pass: a request for ZDR that nobody decides, and a hold beside a flagged session."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import interaction
from inside import Lab
from sqlalchemy import delete, select

from suites.enablement import waiting
from suites.exceptions.scenarios import dates_that_calendars_stumble_over as dates_pass
from suites.exceptions.scenarios import two_years_pass
from zdr_audit.journal.events import ScenarioEnded
from zdr_audit.simulator.benign.ninth_blind import waiting_requests_lapse
from zdr_audit.simulator.tables import ExceptionalContent, Hold
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.histories.model import Model
from zdr_audit.suite.histories.play import Play
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.suite.party import NotThere
from zdr_audit.target.transport import Answer, Outgoing, now

CHECK = importlib.import_module("suites.enablement.test_enablement").test_a_request_that_nobody_decided_is_not_approved_by_time
ENDS = importlib.import_module("suites.exceptions.test_exceptions").test_kept_content_ends_on_whatever_date_it_began
BY_TIME = "a request that nobody decided must not be taken for approved, however long it waits"
DAY = 86_400


def driven(lab: Lab, **ended: Any) -> Expect:
    """The record of the scenario in which years pass, at depth quick."""
    two_years_pass.drive(lab.assay(two_years_pass.name, 0, "quick"))
    return judged(lab, **ended)


def judged(lab: Lab, **ended: Any) -> Expect:
    lab.journal.append(ScenarioEnded(name=two_years_pass.name, **ended))
    return Expect(lab.history(), lab.profile, "ZDR-ENB-03", (two_years_pass.name,), ("main",))


def without(lab: Lab, *operations: str) -> None:
    kept = {name: spec for name, spec in lab.profile.operations.items() if name not in operations}
    lab.profile = lab.profile.model_copy(update={"operations": kept})


# -- a request that nobody decides --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lapses", [False, True])
def test_a_request_that_waits_is_refused_after_years_whether_it_lapsed_or_not(tmp_path: Path, lapses: bool) -> None:
    with Lab(tmp_path) as lab:
        if lapses:
            waiting_requests_lapse(lab.parts, 30)
        expect = driven(lab)
        CHECK(expect)
        filed, tried, told = (expect.one(step=step) for step in (waiting.FILED, waiting.TRIED, waiting.TOLD))
        request = lab.parts.workflow.last_request(filed.labels["about"])
    order = [i.step for i in expect.interactions]
    assert order.index(waiting.FILED) < order.index("advance the clock") < order.index("purge") < order.index(waiting.TRIED)
    assert request is not None and request.status == ("rejected" if lapses else "requested")
    assert tried.outcome != "accepted" and told.data is not None and told.data["status"] == "disabled"
    assert not any(i.counts for i in (filed, tried, told))  # what is kept by exception is to have its own minimum


def test_a_request_that_time_approves_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "enb-waiting-requests-approve-themselves") as lab:
        message, (finding,) = violated(lambda: CHECK(driven(lab)))
    assert message.startswith(f"{BY_TIME}, but: ") and finding.interaction


def test_zdr_that_comes_by_itself_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "enb-waiting-requests-approve-themselves") as lab:
        run = lab.parts.purge.run

        def enabling_run() -> dict[str, int]:
            done = run()
            lab.parts.workflow.enable(caller, lab.parts.workflow.last_request(filed()).id, "")  # type: ignore[union-attr]
            return done

        def filed() -> str:
            return next(i.labels["about"] for i in lab.history().interactions.values() if i.step == waiting.FILED)

        caller = importlib.import_module("zdr_audit.simulator.endpoints.admin").SYSTEM
        lab.parts.purge.run = enabling_run  # type: ignore[method-assign]
        expect = driven(lab)
        assert expect.one(step=waiting.TRIED).outcome != "accepted"  # it is enabled already
        assert violated(lambda: CHECK(expect))[0].startswith(f"{BY_TIME}, but: ")


def test_where_requests_are_approved_at_once_none_waits(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        operations = {name: spec for name, spec in lab.profile.operations.items() if name != "zdr.approve"}
        operations["zdr.request"] = operations["zdr.request"].model_copy(update={"also": ("zdr.approve",)})
        lab.profile = lab.profile.model_copy(update={"operations": operations})
        assert waiting.file_one(lab.assay("x.y", 0)) is None
        assert not lab.history().interactions
        with pytest.raises(DoesNotApply, match="none waits for its review"):
            CHECK(judged(lab))


def test_where_the_approval_enables_the_status_alone_tells(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        operations = {name: spec for name, spec in lab.profile.operations.items() if name != "zdr.enable"}
        operations["zdr.approve"] = operations["zdr.approve"].model_copy(update={"also": ("zdr.enable",)})
        lab.profile = lab.profile.model_copy(update={"operations": operations})
        expect = driven(lab)
        CHECK(expect)
    assert not expect.where(step=waiting.TRIED) and expect.one(step=waiting.TOLD).accepted


@pytest.mark.parametrize("missing", ["clock.advance", "purge.run"])
def test_where_no_time_can_pass_nothing_is_sent_and_the_check_does_not_apply(tmp_path: Path, missing: str) -> None:
    with Lab(tmp_path) as lab:
        without(lab, missing)
        with pytest.raises(NotThere, match=f"the profile names no operation '{missing}'"):
            driven(lab)
        assert not lab.history().interactions
        with pytest.raises(DoesNotApply):
            CHECK(judged(lab, not_run="no clock", absent=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({waiting.FILED: {"status": 500, "outcome": "server_error", "accepted": False}}, "a request must be filed, so that it can wait"),
        ({waiting.FILED: {"step": "another"}}, "the record has no interaction with"),
        ({waiting.TRIED: {"step": "another"}}, "the record has no interaction with"),
        ({waiting.TRIED: {"status": None, "outcome": "no_answer", "accepted": False}}, "no decision from the target"),
        ({waiting.TOLD: {"status": 401, "outcome": "denied", "accepted": False}}, "no decision from the target"),
    ],
)
def test_where_it_is_not_known_nothing_is_proved(tmp_path: Path, changes: dict[str, dict[str, Any]], said: str) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab)
    expect.interactions[:] = [i.model_copy(update=changes.get(i.step, {})) for i in expect.interactions]
    assert inconclusive(lambda: CHECK(expect)).startswith(said)


def test_where_time_did_not_pass_nothing_is_proved(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assert "was not driven to its end" in inconclusive(lambda: CHECK(driven(lab, error="purge: 500")))


def test_a_request_that_cannot_be_filed_stops_nothing_else(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        without(lab, "zdr.request")
        expect = driven(lab)
    assert [i.step for i in expect.interactions][-2:] == ["advance the clock", "purge"]
    assert "the record has no interaction" in inconclusive(lambda: CHECK(expect))


# -- a hold beside it ---------------------------------------------------------------------------------------------------------------


def skips_those_with_a_hold(lab: Lab) -> None:
    """The purge leaves organizations alone for which a hold stands."""
    parts = lab.parts

    def expire(session: Any) -> int:
        holding = select(Hold.organization_id).where(Hold.released_at.is_(None))
        due = (ExceptionalContent.expires_at <= parts.clock.stamp(), ExceptionalContent.organization_id.not_in(holding))
        session.execute(delete(ExceptionalContent).where(*due))
        return 0

    parts.exceptions.expire = expire  # type: ignore[method-assign]


def dates(lab: Lab) -> Expect:
    dates_pass.drive(lab.assay(dates_pass.name, 0, "quick"))
    lab.journal.append(ScenarioEnded(name=dates_pass.name))
    return Expect(lab.history(), lab.profile, "ZDR-EXC-07", (dates_pass.name,), ("main", "late"))


@pytest.mark.parametrize("skips", [False, True])
def test_a_hold_on_another_session_stands_while_flagged_content_comes_to_its_end(tmp_path: Path, skips: bool) -> None:
    with Lab(tmp_path) as lab:
        if skips:
            skips_those_with_a_hold(lab)
        expect = dates(lab)
    if skips:
        message, findings = violated(lambda: ENDS(expect))
        assert "must be gone when its time has passed" in message and findings
    else:
        ENDS(expect)
    steps = [i.step for i in expect.interactions]
    held, released = (steps.index(step) for step in ("hold a session meanwhile", "release what was held meanwhile"))
    purged = [at for at, step in enumerate(steps) if step == "purge when its time has passed"]
    assert purged and held < steps.index("flag on a date") and purged[-1] < released


def test_a_release_is_not_between_the_last_purge_and_the_last_reading(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        driven(lab)
        operations = [i.operation for i in lab.history().interactions.values()]
    assert "hold.release" not in operations  # targets that clean up then would take remains away that are to be looked for


@pytest.mark.parametrize("missing", ["hold.place", "hold.release"])
def test_where_nothing_can_be_held_dates_pass_all_the_same(tmp_path: Path, missing: str) -> None:
    with Lab(tmp_path) as lab:
        without(lab, missing)
        expect = dates(lab)
    ENDS(expect)
    assert not expect.where(operation="hold.place")


def test_a_hold_that_is_refused_is_not_released(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        send = lab.transport.send

        def refuse(outgoing: Outgoing) -> Answer:
            return Answer(409, {}, b"{}", "", now(), now()) if outgoing.operation == "hold.place" else send(outgoing)

        lab.transport.send = refuse  # type: ignore[method-assign]
        expect = dates(lab)
    ENDS(expect)
    assert expect.one(operation="hold.place").status == 409 and not expect.where(operation="hold.release")


# -- histories ----------------------------------------------------------------------------------------------------------------------


def a_model(lab: Lab) -> Model:
    """One that knows of a request that waited."""
    found = Model(lab.profile)
    found.know("org_a", zdr=False)
    asked = made(1, "act", "account_team", "zdr.request", audit="requested").model_copy(update={"data": {"request": "r"}})
    assert found.take(asked) == ""
    return found


def made(number: int, move: str, role: str = "", operation: str = "", **labels: str) -> Any:
    told = {"history": "1", "move": move, "turn": str(number), "marker": f"m-{number}", **labels}
    return interaction(number, organization_id="org_a", outcome="accepted", role=role, operation=operation, labels=told)


REFUSED = {"outcome": "client_error", "status": 409, "accepted": False}


@pytest.mark.parametrize(("days", "said"), [(1, "it must be possible, and was refused"), (31, "")])
def test_a_request_that_waited_for_days_may_have_lapsed(tmp_path: Path, days: int, said: str) -> None:
    with Lab(tmp_path) as lab:
        model = a_model(lab)
    assert model.take(made(2, "time", seconds=str(days * DAY))) == ""
    approval = made(3, "act", "reviewer", "zdr.approve", audit="approved", asked="r")
    assert model.take(approval.model_copy(update=REFUSED)) == said
    again = made(4, "act", "account_team", "zdr.request", audit="requested").model_copy(update=REFUSED)
    assert bool(model.take(again)) is (days > 1)  # what has lapsed stands in the way of no other


def test_a_request_that_waited_and_was_approved_must_lead_to_zdr(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        model = a_model(lab)
    assert model.take(made(2, "time", seconds=str(31 * DAY))) == ""
    early = made(3, "act", "reviewer", "zdr.enable", audit="enabled", asked="r")
    assert model.take(early) == "it must be refused, and was done"
    assert model.take(made(4, "act", "reviewer", "zdr.approve", audit="approved", asked="r")) == ""
    assert model.take(early.model_copy(update=REFUSED)) == "it must be possible, and was refused"


@pytest.mark.parametrize(
    ("kind", "days", "said"),
    [
        ("rejected", 31, ""),
        ("rejected", 1, "the audit log has 'rejected' success by system, which did not happen"),
        ("approved", 31, "the audit log has 'approved' success by system, which did not happen"),
    ],
)
def test_the_log_may_tell_of_a_lapse_and_of_no_approval(tmp_path: Path, kind: str, days: int, said: str) -> None:
    with Lab(tmp_path) as lab:
        model, types = a_model(lab), lab.profile.audit_types
    assert model.take(made(2, "time", seconds=str(days * DAY))) == ""
    rows = [
        {"sequence": 1, "type": types.requested, "outcome": "success", "actor_role": "account_team"},
        {"sequence": 2, "type": getattr(types, kind), "outcome": "success", "actor_role": "system"},
    ]
    assert model.take(made(3, "log"), rows) == said
    assert bool(model.take(made(4, "log"), [*rows, rows[1] | {"sequence": 3}]))  # one request lapses once


@pytest.mark.parametrize(
    ("violation", "found"), [(None, False), ("enb-waiting-requests-approve-themselves", True), ("ben-waiting-requests-lapse", False)]
)
def test_histories_through_time_end_with_a_request_that_waits(tmp_path: Path, violation: str | None, found: bool) -> None:
    benign = violation == "ben-waiting-requests-lapse"
    with Lab(tmp_path, None if benign else violation) as lab:
        if benign:
            waiting_requests_lapse(lab.parts, 30)
        play = Play(lab.assay("enablement.histories_through_time", 1, "quick"), 1, changes=True, through_time=True)
        restart = play.restart
        endings = [last for last in play.endings() if last != restart]  # a new life would be without what was put in here

        def play_on() -> None:
            for last in endings:
                play.turn += 1
                last()

        if found:
            with pytest.raises(AssertionError, match=r"'approved' success by .*which did not happen"):
                play_on()
        else:
            play_on()
            assert play.model.organizations[play.parties[-1].id].waited
