"""Walks over ordered pairs of changes: what is planned, what is sent, and what the model says of spells, of who comes and leaves and of limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engine_events import interaction
from inside import Lab

from zdr_audit.profile.load import load
from zdr_audit.profile.model import Permissions, Profile
from zdr_audit.suite.histories import plan, walks
from zdr_audit.suite.histories.machine import Bounds, drive
from zdr_audit.suite.histories.model import Model
from zdr_audit.suite.histories.plan import Walk
from zdr_audit.suite.histories.play import LIMITS_UNDER, LIMITS_WITHOUT, Play, told_at_first, ways_on
from zdr_audit.suite.histories.replay import Told, histories, replay, script, story
from zdr_audit.suite.limits import SILENT, Telling, telling

IMPOSSIBLE = {("enable", "enable"), ("disable", "disable"), ("migrate", "migrate"), ("disable", "migrate"), ("migrate", "enable")}
EVERYDAY = tuple(kind for kind in plan.KINDS if kind != plan.RESTART)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("walks")) as lab:
        yield lab


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


def told(lab: Lab, scenario: str) -> list[Told]:
    sent = lab.history().of([scenario])
    limits = telling(lab.profile, *(next(i for i in sent if i.step == step) for step in (LIMITS_UNDER, LIMITS_WITHOUT)))
    return [replay(lab.profile, name, steps, {}, limits) for name, steps in histories(sent).items()]


# -- planning -----------------------------------------------------------------------------------------------------------------------


def close(found: list[Walk]) -> set[plan.Pair]:
    return {pair for walk in found for pair in pairwise(walk.kinds)}


@pytest.mark.parametrize("tour", [walks.QUICK, walks.STANDARD, walks.THOROUGH])
def test_every_walk_that_is_planned_can_be_gone(tour: walks.Tour) -> None:
    for seed in range(5):
        found = plan.plan(seed, EVERYDAY, tour.lengths)
        assert [(walk.api, len(walk.kinds)) for walk in found] == list(tour.lengths)
        assert all(walk.possible() for walk in found)
        assert found == plan.plan(seed, EVERYDAY, tour.lengths)


def test_over_seeds_every_pair_that_is_possible_comes_up_at_quick_depth() -> None:
    reached = set().union(*(close(plan.plan(seed, EVERYDAY, walks.QUICK.lengths)) for seed in range(120)))
    assert reached >= {(a, b) for a in EVERYDAY for b in EVERYDAY} - IMPOSSIBLE


def test_a_thorough_tour_has_every_pair_that_is_possible() -> None:
    for kinds, tour in ((EVERYDAY, walks.THOROUGH), (plan.KINDS, walks.THOROUGH_THROUGH_TIME)):
        every = {(a, b) for a in kinds for b in kinds} - IMPOSSIBLE
        assert close(plan.plan(1, kinds, tour.lengths)) == every == {*plan.ways(plan.born(True), kinds)}


def test_through_time_the_service_begins_anew_in_every_tour() -> None:
    found = [walk for seed in range(30) for walk in plan.plan(seed, plan.KINDS, walks.QUICK_THROUGH_TIME.lengths)]
    assert all(plan.RESTART in walk.kinds for walk in found)
    assert close(found) >= {pair for kind in plan.KINDS for pair in ((kind, plan.RESTART), (plan.RESTART, kind))}


def test_what_is_impossible_is_told() -> None:
    assert not Walk(False, ("disable",)).possible()
    assert not Walk(True, ("migrate", "migrate")).possible()
    assert not Walk(False, ("release", "hold")).possible()
    assert Walk(True, ("disable", "enable", "migrate")).possible()


def test_shorter_walks_end_with_the_same_change_and_can_be_gone() -> None:
    shorter = list(Walk(False, ("hold", "enable", "flag", "disable")).shorter())
    assert shorter == [Walk(False, ("enable", "flag", "disable")), Walk(False, ("hold", "enable", "disable"))]


# -- going ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_walks_through_a_compliant_target_keep_to_the_model(tmp_path: Path, seed: int) -> None:
    with Lab(tmp_path) as lab:
        assay = lab.assay("enablement.many_histories", seed, "quick")
        walks.walk_through(assay, walks.QUICK, told=told_at_first(assay))
        found = told(lab, assay.scenario)
        assert [one.number for one in found] == ["walk-1", "walk-2"]
        assert not [story(one) for one in found if one.problem or one.unknown]
        assert {i.labels["move"] for one in found for i in one.steps} >= {
            "look",
            "limits",
            "use",
            "ask",
            "operate",
            "report",
            "log",
            "go on",
        }


def test_a_walk_with_restarts_keeps_to_the_model(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assay = lab.assay("enablement.histories_through_time", 1, "quick")
        walks.walk_through(assay, walks.QUICK_THROUGH_TIME, through_time=True, told=told_at_first(assay))
        (one,) = told(lab, assay.scenario)
        assert not one.problem and not one.unknown, story(one)
        assert "restart" in {i.labels["move"] for i in one.steps}


@pytest.mark.parametrize("violation", ["enb-first-spell-goes-on", "enb-flags-pin-the-gate"])
def test_walks_find_what_hangs_on_the_order_of_two_changes_and_then_shorter_ones(tmp_path: Path, violation: str) -> None:
    with Lab(tmp_path, violation) as lab:
        assay = lab.assay("enablement.many_histories", 1, "quick")
        walks.walk_through(assay, walks.QUICK, told=told_at_first(assay))
        failed = [one for one in told(lab, assay.scenario) if one.problem]
        first, shortest = failed[0], min(failed, key=lambda one: len(one.steps))
        assert len(shortest.steps) < len(first.steps)
        assert script(lab.profile, shortest).count("curl -s") == len(shortest.steps) == len(story(shortest).splitlines())


def test_where_nothing_shorter_is_asked_for_the_walk_that_departs_is_the_last(tmp_path: Path) -> None:
    with Lab(tmp_path, "enb-holds-freeze-limits") as lab:
        assay = replace(lab.assay("enablement.many_histories", 1, "quick"), shortens=False)
        walks.walk_through(assay, walks.QUICK, told=told_at_first(assay))
        assert [bool(one.problem) for one in told(lab, assay.scenario)] == [True]


def test_kinds_that_the_target_does_not_offer_are_left_out(lab: Lab) -> None:
    assay = lab.assay("x.y", 1)
    assert walks.kinds_of(assay, through_time=False) == EVERYDAY
    assert walks.kinds_of(assay, through_time=True) == plan.KINDS
    without = replace(assay, staff_actors={k: v for k, v in assay.staff_actors.items() if k != "operator"})
    assert not {plan.FLAG, plan.HOLD, plan.RELEASE} & {*walks.kinds_of(without, through_time=False)}
    allowed = Permissions(allow=("zdr.enable", "zdr.disable", "user.*", "key.create"))
    narrow = replace(assay, profile=assay.profile.model_copy(update={"permissions": allowed}))
    assert walks.kinds_of(narrow, through_time=True) == (plan.ENABLE, plan.DISABLE, plan.COMES, plan.ENABLED, plan.JOINS)
    operations = dict(assay.profile.operations)
    operations["key.create"] = operations["key.create"].model_copy(update={"extract": {"key": "/key"}})
    operations["organization.delete"] = operations["organization.delete"].model_copy(update={"by": "admin"})
    other = replace(assay, profile=assay.profile.model_copy(update={"operations": operations}))
    assert not {plan.LEAVES, plan.CLOSED} & {*walks.kinds_of(other, through_time=False)}


# -- the moves --------------------------------------------------------------------------------------------------------------------


def test_members_come_ask_and_leave(lab: Lab) -> None:
    play = Play(lab.assay("enablement.coming", 1), 1, changes=True)
    party = play.parties[0]
    assert "a member of 0 comes" in {move.name for move in play.moves()["see"]}
    for move in (lambda: play.come(party), lambda: play.ask(party, play.newcomers[party.id][-1]), lambda: play.leave(party)):
        play.turn += 1
        move()
    sent = [i for i in lab.history().of(["enablement.coming"]) if i.step in ("ask", "a member leaves", "revoked")]
    assert [(i.operation, i.role, i.outcome) for i in sent] == [
        ("messages.create", "newcomer-1", "accepted"),
        ("key.revoke", "admin", "accepted"),
        ("zdr.status", "newcomer-1", "denied"),
    ]
    assert not play.newcomers[party.id]


def test_whoever_asks_comes_as_each_kind_of_client_twice_in_a_row(lab: Lab) -> None:
    play = Play(lab.assay("enablement.kinds", 1), 1, changes=True)
    for _ in range(5):
        play.turn += 1
        play.ask(play.parties[0])
    asked = [i for i in lab.history().of(["enablement.kinds"]) if i.step == "ask"]
    assert [i.labels.get("header", "") for i in asked] == ["", "authorization", "authorization", "", ""]
    assert {i.outcome for i in asked} == {"accepted"}
    told = Told("1", (asked[0], asked[1]))
    assert [line.count("authorization: Bearer $KEY_MEMBER") for line in script(lab.profile, told).splitlines()[1:]] == [0, 1]


def test_the_log_of_an_organization_that_was_born_with_zdr_is_read_live_as_it_is_from_the_journal(lab: Lab) -> None:
    play = Play(lab.assay("enablement.born", 1), 1, changes=True, born="organization.create_api_zdr")
    play.log(play.parties[0])


def test_one_thing_is_remembered_for_each_spell_and_gone_on_with_in_each_way(lab: Lab) -> None:
    play = Play(lab.assay("enablement.spells", 1), 1, changes=True)
    party = play.parties[0]
    play.use(party, "remote_sessions")
    for kind in ("requested", "approved", "enabled", "disabled"):
        play.turn += 1
        play.act(kind, party, next(iter(play.requests.get(party.id, [""]))))
    play.use(party, "remote_sessions")
    assert sorted(play.begun[f"{party.id}/remote_sessions"]) == [0, 2]
    for spell in (0, 2):
        for _ in range(2):
            play.turn += 1
            play.go_on(party, "remote_sessions", spell)
    sent = [i for i in lab.history().of(["enablement.spells"]) if i.labels.get("move") == "go on"]
    assert {(i.labels["spell"], i.labels["endpoint"]) for i in sent} == {(s, e) for s in "02" for e in ("read", "events")}


def test_ways_to_go_on_are_those_of_the_profile(profile: Profile) -> None:
    found = {name: [e.name for e in ways_on(feature)] for name, feature in profile.features.items()}
    assert found["web_sessions"] == ["read", "events"]
    assert found["files"] == ["read"]
    assert found["feedback"] == []


def test_a_history_that_goes_straight_on_is_cut_short_and_another_made_in_its_place(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assay = lab.assay("enablement.many_histories", 1, "quick")
        drive(assay, Bounds(1, 12, 0, 0, first=2), changes=True)
        found = [replay(lab.profile, name, steps, {}) for name, steps in histories(lab.history().of([assay.scenario])).items()]
        assert not [one for one in found if one.problem or one.unknown]
        acts = [[i.labels["audit"] for i in one.steps if "audit" in i.labels] for one in found]
        assert acts[0] == ["requested", "approved"]
        assert max(map(len, acts[1:])) > len(acts[0])


# -- the model --------------------------------------------------------------------------------------------------------------------


def made(move: str, outcome: str = "accepted", **more: Any) -> Any:
    labels = {"history": "1", "move": move, "turn": "1", **more.pop("labels", {})}
    return interaction(1, organization_id="org_a", outcome=outcome, labels=labels, **more)


def known(profile: Profile, *, zdr: bool, spell: int, telling: Telling = SILENT) -> Model:
    found = Model(profile, telling)
    found.know("org_a", zdr=zdr)
    found.organizations["org_a"].spell = spell
    return found


@pytest.mark.parametrize("spell", ["0", "2"])
def test_under_zdr_nothing_goes_on_whichever_spell_it_was_begun_in(profile: Profile, spell: str) -> None:
    model, asked = known(profile, zdr=True, spell=3), {"operation": "feature:files.read", "labels": {"spell": spell}}
    assert model.take(made("go on", "refused_by_policy", **asked)) == ""
    for outcome in ("accepted", "not_found"):
        assert "must be refused by policy" in model.take(made("go on", outcome, operation="feature:files.read", labels={"spell": spell}))
    assert "3 switches of ZDR before" in model.take(made("go on", operation="feature:files.read", labels={"spell": "0"}))


def test_without_zdr_what_was_begun_in_this_spell_must_be_there_and_what_is_older_may_be_gone(profile: Profile) -> None:
    model = known(profile, zdr=False, spell=2)
    assert model.take(made("use", operation="feature:files.upload")) == ""
    gone = {spell: made("go on", "not_found", operation="feature:files.read", labels={"spell": spell}) for spell in ("0", "2")}
    assert model.take(gone["0"]) == ""
    assert "must work without ZDR" in model.take(gone["2"])
    assert model.take(made("go on", operation="feature:files.read", labels={"spell": "0"})) == ""
    assert model.take(gone["0"]) == ""


def limits(*closed: str, marked: bool) -> dict[str, Any]:
    return {"restrictions": {key: {"allowed": False} for key in closed}, "taints": ["zdr"] if marked else []}


WEB, FEEDBACK = "allow_web_sessions", "allow_product_feedback"


@pytest.mark.parametrize(
    ("zdr", "said", "problem"),
    [
        (True, limits(WEB, FEEDBACK, marked=True), ""),
        (True, limits(WEB, marked=True), f"not allowed: {FEEDBACK}"),
        (True, limits(WEB, FEEDBACK, marked=False), "told that they are under ZDR, and are not"),
        (False, limits(marked=False), ""),
        (False, limits(WEB, marked=False), f"allowed: {WEB}"),
        (False, limits(marked=True), "must not be told that they are under ZDR"),
    ],
)
def test_limits_must_say_what_the_state_is_where_the_target_tells_so(profile: Profile, zdr: bool, said: Any, problem: str) -> None:
    tells = telling(profile, made("", data=limits(WEB, FEEDBACK, marked=True)), made("", data=limits(marked=False)))
    assert tells == Telling(frozenset({WEB, FEEDBACK}), marks=True)
    found = known(profile, zdr=zdr, spell=0, telling=tells).take(made("limits", data=said))
    assert problem in found and bool(found) is bool(problem)
    assert known(profile, zdr=zdr, spell=0).take(made("limits", data=said)) == ""
    assert "read their limits" in known(profile, zdr=zdr, spell=0, telling=tells).take(made("limits", "denied"))


def test_a_target_that_tells_the_same_with_and_without_zdr_tells_nothing(profile: Profile) -> None:
    same = made("", data=limits(WEB, marked=True))
    assert telling(profile, same, same) == SILENT
    assert telling(profile, None, same) == telling(profile, same, None) == SILENT
    assert telling(profile, made("", "denied", data=limits(WEB, marked=True)), made("", data=limits(marked=False))) == SILENT
