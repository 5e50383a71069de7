"""Restarts and the passing of time: what an assay does of them, and what the model of histories makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_events import interaction
from inside import Lab

from zdr_audit.profile.model import Permissions
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.histories.machine import Bounds, drive
from zdr_audit.suite.histories.model import Model, Unknown
from zdr_audit.suite.histories.play import MOST_DAYS, Play
from zdr_audit.suite.histories.replay import histories, replay, script, story
from zdr_audit.suite.party import NotOffered
from zdr_audit.target.stimulus import Stimulus, fitted
from zdr_audit.target.transport import Answer, Outgoing, now

DAY = 86_400
SHORT = Bounds(2, 3, 4, 3)
FIRST = Bounds(1, 2, 0, 0)  # no shorter one is looked for


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [(("service.restart",), True), (("service.*",), False), (("*",), False), ((), False), (("clock.*", "service.restart"), True)],
)
def test_a_restart_is_allowed_by_its_name_alone(allow, allowed):
    assert Permissions(allow=allow).allows("service.restart") is allowed


def test_other_operations_are_allowed_by_patterns():
    assert Permissions(allow=("zdr.*",)).allows("zdr.enable")
    assert not Permissions(allow=("zdr.*",)).allows("clock.advance")


def test_without_leave_there_is_no_restart(tmp_path: Path):
    with Lab(tmp_path) as lab:
        lab.profile = lab.profile.model_copy(update={"permissions": Permissions(allow=("*",))})
        assay = lab.assay("x.y", 1)
        assert not assay.offers("service.restart")
        with pytest.raises(NotOffered):
            assay.restart()
        assert not [move for move in Play(assay, 1, changes=True, through_time=True).moves()["time"] if "anew" in move.name]


def test_a_restart_waits_until_the_target_serves_again(tmp_path: Path):
    with Lab(tmp_path) as lab:
        send, silent = lab.transport.send, [4]

        def mute(outgoing: Outgoing) -> Answer:
            if outgoing.operation == "zdr.status" and silent[0]:
                silent[0] -= 1
                return Answer(None, {}, b"", "connection refused", now(), now())
            return send(outgoing)

        lab.transport.send = mute  # type: ignore[method-assign]
        paused: list[float] = []
        assay = lab.assay("x.y", 1)
        assay.pause = paused.append
        assert assay.restart().accepted
        assert len(paused) == 3  # at once seen to be gone, three times not back yet
        silent[0] = 1_000_000
        with pytest.raises(ScenarioBroken, match="does not serve again"):
            assay.restart()


def test_a_target_that_refuses_a_restart_breaks_the_scenario(tmp_path: Path):
    with Lab(tmp_path) as lab:
        lab.lives.parts.restart = None
        with pytest.raises(ScenarioBroken, match="the restart gave client_error"):
            lab.assay("x.y", 1).restart()


def test_histories_through_time_restart_move_the_clock_and_keep_to_the_model(tmp_path: Path):
    with Lab(tmp_path) as lab:
        assay = lab.assay("enablement.histories_through_time", 1, "quick")
        drive(assay, SHORT, changes=True, through_time=True)
        told = [replay(lab.profile, name, steps, {}) for name, steps in histories(lab.history().of([assay.scenario])).items()]
        assert len(told) == 2
        for one in told:
            assert not one.problem and not one.unknown, story(one)
            moves = [item.labels["move"] for item in one.steps]
            assert {"restart", "time", "purge", "look", "log", "kept", "revoked"} <= set(moves)
            assert f'"advance_seconds": {731 * DAY}' in script(lab.profile, one)


@pytest.mark.parametrize("violation", ["enb-off-after-restart", "enb-log-of-enablement-ends", "exc-kept-past-two-years"])
def test_histories_through_time_find_what_ends_or_does_not(tmp_path: Path, violation: str):
    with Lab(tmp_path, violation) as lab:
        assay = lab.assay("enablement.histories_through_time", 1, "quick")
        drive(assay, FIRST, changes=True, through_time=True)
        told = [replay(lab.profile, name, steps, {}) for name, steps in histories(lab.history().of([assay.scenario])).items()]
        assert [one for one in told if one.problem]


def made(number: int, move: str, **more: object):
    labels = {"history": "1", "move": move, "turn": str(number), **more.pop("labels", {})}  # type: ignore[dict-item]
    return interaction(number, organization_id="org_a", outcome="accepted", labels=labels, **more)


def model(tmp_path: Path) -> Model:
    with Lab(tmp_path) as lab:
        found = Model(lab.profile)
    found.know("org_a", zdr=True)
    return found


@pytest.mark.parametrize(("days", "purged", "gone"), [(729, True, False), (731, True, True), (731, False, False)])
def test_what_is_kept_must_be_gone_once_its_time_has_passed_and_a_purge_ran(tmp_path: Path, days: int, purged: bool, gone: bool):
    known = model(tmp_path)
    assert known.take(made(1, "flag", labels={"session": "s"})) == ""
    assert known.take(made(2, "ask", labels={"session": "s", "about": "org_a"}, accepted=True)) == ""
    assert known.take(made(3, "time", labels={"seconds": str(days * DAY)})) == ""
    if purged:
        assert known.take(made(4, "purge")) == ""
    assert bool(known.take(made(5, "kept"), [{"session": "s"}])) is gone
    assert known.take(made(6, "kept"), []) == ""


def test_what_nobody_flagged_must_not_be_kept(tmp_path: Path):
    assert "nobody flagged" in model(tmp_path).take(made(1, "kept"), [{"session": "other"}])


def test_a_restart_that_is_not_answered_says_nothing(tmp_path: Path):
    assert model(tmp_path).take(interaction(1, outcome="no_answer", labels={"history": "1", "move": "restart", "turn": "1"})) == ""


def test_a_common_opening_is_essential_to_its_stimulus():
    assert fitted(Stimulus(opening="one"), {"message", "answer"}) == (None, ("opening",))
    assert fitted(Stimulus(opening="one"), {"message", "answer", "opening"})[0] == Stimulus(opening="one")


def test_a_clock_that_cannot_be_moved_says_nothing_of_the_target(tmp_path: Path):
    with pytest.raises(Unknown, match="how much time has passed"):
        model(tmp_path).take(interaction(1, outcome="client_error", labels={"history": "1", "move": "time", "turn": "1", "seconds": "1"}))


def test_all_histories_together_move_the_clock_no_further_than_its_bound(tmp_path: Path):
    with Lab(tmp_path) as lab:
        play = Play(lab.assay("x.y", 1), 1, changes=True, through_time=True, passed=[MOST_DAYS - 100])
        assert [move.name for move in play.moves()["time"] if "days" in move.name] == ["1 days pass", "31 days pass"]
        play.passed.append(99)
        assert not [move for move in play.moves()["time"] if "days" in move.name]
        assert len(play.endings()) == 4


@pytest.mark.parametrize("between", [None, "time"])
def test_what_was_begun_must_be_there_until_time_passes(tmp_path: Path, between: str | None):
    with Lab(tmp_path) as lab:
        found = Model(lab.profile)
    found.know("org_a", zdr=False)
    assert found.take(made(1, "use", operation="feature:files.upload")) == ""
    if between == "time":
        found.take(made(2, "time", labels={"seconds": str(40 * DAY)}))
    gone = made(3, "go on", operation="feature:files.read").model_copy(update={"outcome": "not_found"})
    assert bool(found.take(gone)) is (between is None)
    broken = gone.model_copy(update={"outcome": "refused_by_policy"})
    assert "must work without ZDR" in found.take(broken)


def test_a_session_may_be_read_until_its_retention_ends_and_is_not_missed_then(tmp_path: Path):
    with Lab(tmp_path) as lab:
        play = Play(lab.assay("enablement.histories_through_time", 1, "quick"), 1, changes=True, through_time=True)
        party = play.parties[0]
        for move in (
            lambda: play.use(party, "web_sessions"),
            lambda: play.go_on(party, "web_sessions", 0),
            lambda: play.wait(40),
            lambda: play.go_on(party, "web_sessions", 0),
        ):
            play.turn += 1
            move()
        read = [item.outcome for item in lab.history().interactions.values() if item.labels.get("move") == "go on"]
        assert read == ["accepted", "not_found"]


def test_what_was_begun_before_zdr_was_enabled_may_be_gone_afterwards(tmp_path: Path):
    with Lab(tmp_path) as lab:
        play = Play(lab.assay("enablement.many_histories", 1, "quick"), 1, changes=True)
        party = play.parties[0]
        lasting = play.model.organizations[party.id].lasting
        play.use(party, "web_sessions")
        assert lasting == {("feature:web_sessions", 0)}
        for kind in ("requested", "approved", "enabled", "disabled"):
            play.turn += 1
            play.act(kind, party, next(iter(play.requests.get(party.id, [""]))))
        assert ("feature:web_sessions", 0) not in lasting
