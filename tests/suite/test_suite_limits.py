"""What clients are told of features and of ZDR: held against what holds for their organization, for siblings and across switches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import Record, interaction
from inside import Lab

from suites.blocked.scenarios import policy_limits
from suites.blocked.test_bypass import test_clients_are_told_what_the_backend_refuses as told_what_is_refused
from suites.scope import scenarios as scope
from suites.scope.test_organizations import test_changes_at_a_sibling_do_not_take_zdr_away as keeps_zdr
from suites.scope.test_organizations import test_enabling_one_organization_leaves_its_sibling_as_it_was as left_as_it_was
from zdr_audit.simulator.violations import wrap
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.limits import closed, marked, told_as_before, told_as_without_zdr
from zdr_audit.suite.marks import Scenario

KEYS = ("allow_web_sessions", "allow_remote_sessions", "allow_product_feedback")
OPEN: dict[str, Any] = {"restrictions": {key: {"allowed": True} for key in KEYS}, "taints": []}
ZDR: dict[str, Any] = {"restrictions": {key: {"allowed": False} for key in KEYS}, "taints": ["zdr"]}
ONE: dict[str, Any] = {"restrictions": {KEYS[1]: {"allowed": False}}, "taints": []}
OTHER: dict[str, Any] = {"restrictions": {"allow_voice_mode": {"allowed": False}}, "taints": ["hipaa"]}
SILENT: dict[str, Any] = {"status": None, "outcome": "no_answer", "accepted": False, "error": "timed out", "data": None}
SAID = "i-00001 subject.member POST /v1/messages -> 200"

Bind = Callable[..., Expect]


# -- reading ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "keys", "mark"),
    [
        (OPEN, set(), False),
        (ZDR, set(KEYS), True),
        (ONE, {KEYS[1]}, False),
        (OTHER, set(), False),
        (ONE | {"taints": "ZDR"}, {KEYS[1]}, True),
        ({"restrictions": {}}, set(), None),
    ],
)
def test_what_is_told(bind: Bind, data: Any, keys: set[str], mark: bool | None) -> None:
    item = interaction(1, data=data)
    assert closed(bind(Record()).profile, item) == keys
    assert marked(item) is mark


# -- judging ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readings", [[], [OPEN], [OPEN, OTHER]])
def test_without_zdr_everything_may_be_said_to_be_open(bind: Bind, readings: list[dict[str, Any]]) -> None:
    told_as_without_zdr(bind(Record()), [interaction(n, data=data) for n, data in enumerate(readings)], "no ZDR")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ONE, "no ZDR: allow_remote_sessions must be said to be allowed"),
        (ZDR, f"no ZDR: {', '.join(sorted(KEYS))} must be said to be allowed"),
        (OPEN | {"taints": ["zdr"]}, "no ZDR: they must not be said to be under ZDR"),
    ],
)
def test_without_zdr_nobody_may_be_told_of_it(bind: Bind, data: dict[str, Any], said: str) -> None:
    message, _ = violated(lambda: told_as_without_zdr(bind(Record()), [interaction(1, data=data)], "no ZDR"))
    assert message == f"{said}, but: {SAID}"


def test_limits_that_cannot_be_read_are_no_pass(bind: Bind) -> None:
    said = inconclusive(lambda: told_as_without_zdr(bind(Record()), [interaction(1, **SILENT)], "no ZDR"))
    assert said == "no decision from the target: i-00001 subject.member POST /v1/messages -> timed out"
    refused = interaction(1, status=404, outcome="client_error", data=None)
    message, _ = violated(lambda: told_as_without_zdr(bind(Record()), [refused], "no ZDR"))
    assert message.startswith("clients must be able to read their limits, but: i-00001")


@pytest.mark.parametrize(
    ("before", "now"),
    [([ZDR], [ZDR]), ([ZDR], [ZDR | {"restrictions": ZDR["restrictions"] | OTHER["restrictions"]}]), ([], [ZDR]), ([ZDR], []), ([], [])],
)
def test_the_same_may_be_told_with_other_words_beside_it(bind: Bind, before: list[Any], now: list[Any]) -> None:
    first, second = ([interaction(n, data=data) for n, data in enumerate(readings)] for readings in (before, now))
    told_as_before(bind(Record()), first, second, "as before")


@pytest.mark.parametrize("now", [OPEN, ONE, OPEN | {"taints": ["zdr"]}, ZDR | {"taints": []}])
def test_nothing_else_may_be_told_than_before(bind: Bind, now: dict[str, Any]) -> None:
    message, _ = violated(
        lambda: told_as_before(bind(Record()), [interaction(2, data=ZDR)], [interaction(1, data=now)], "must be told as before")
    )
    assert message == f"must be told as before, but: {SAID}"


# -- from end to end ----------------------------------------------------------------------------------------------------------------


def driven(lab: Lab, scenario: Scenario, control: str) -> Expect:
    scenario.drive(lab.assay(scenario.name, 0, "quick"))
    return Expect(lab.history(), lab.profile, control, (scenario.name,), ("main",))


def limits(expect: Expect) -> list[tuple[str, str]]:
    return [(i.step, i.outcome) for i in expect.interactions if i.operation == "policy_limits.read"]


def test_the_limits_of_siblings_are_looked_at_right_after_those_of_the_other(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, scope.one_of_two_siblings_is_enabled, "ZDR-SCP-02")
        left_as_it_was(expect)
    assert limits(expect) == [("before sibling: limits", "accepted"), ("sibling: limits", "accepted")]
    assert [closed(lab.profile, i) == set(KEYS) for i in expect.interactions if i.operation == "policy_limits.read"] == [True, False]


def test_a_sibling_that_is_told_of_another_ones_zdr_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "scp-siblings-told-of-zdr") as lab:
        expect = driven(lab, scope.one_of_two_siblings_is_enabled, "ZDR-SCP-02")
        message, _ = violated(lambda: left_as_it_was(expect))
    assert message.startswith("enabling one organization must not change what its sibling's clients are told: allow_product_feedback, ")


def test_where_no_limits_are_told_siblings_are_judged_all_the_same(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        kept = {name: spec for name, spec in lab.profile.operations.items() if name != "policy_limits.read"}
        lab.profile = lab.profile.model_copy(update={"operations": kept})
        expect = driven(lab, scope.one_of_two_siblings_is_enabled, "ZDR-SCP-02")
        left_as_it_was(expect)
    assert limits(expect) == []


def test_one_that_is_told_of_a_siblings_disabling_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        disabled: list[str] = []
        wrap(lab.parts.workflow, "disable", lambda disable: lambda *args: (disabled.append("one"), disable(*args))[1])
        wrap(lab.parts.limits, "taints", lambda taints: lambda organization: [] if disabled else taints(organization))
        expect = driven(lab, scope.a_sibling_is_disabled, "ZDR-SCP-03")
    expect.kept_nowhere = lambda *_, **__: None  # type: ignore[method-assign] - there are no readings here
    message, _ = violated(lambda: keeps_zdr(expect))
    assert message.startswith("changes at a sibling must not change what the clients of an organization are told, but: ")


@pytest.mark.parametrize(
    ("taints", "said"),
    [
        ([], "clients of a ZDR organization must be told that it is under ZDR"),
        (["zdr"], "clients of an organization without ZDR must not be told that it is under ZDR"),
        (["beta"], "clients of a ZDR organization must be told that it is under ZDR"),
    ],
)
def test_the_mark_of_zdr_is_that_of_organizations_under_zdr(tmp_path: Path, taints: list[str], said: str) -> None:
    with Lab(tmp_path) as lab:
        told_what_is_refused(driven(lab, policy_limits, "ZDR-BLK-13"))
    with Lab(tmp_path / "wrong") as lab:
        wrap(lab.parts.limits, "taints", lambda _taints: lambda _organization: taints)
        expect = driven(lab, policy_limits, "ZDR-BLK-13")
        message, _ = violated(lambda: told_what_is_refused(expect))
    assert message.startswith(f"{said}, but: ")


def test_a_word_that_only_organizations_under_zdr_are_marked_with_may_be_the_targets_own_for_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        wrap(lab.parts.limits, "taints", lambda taints: lambda organization: ["zero-retention" for _ in taints(organization)] + ["beta"])
        expect = driven(lab, policy_limits, "ZDR-BLK-13")
        said = inconclusive(lambda: told_what_is_refused(expect))
    assert said.startswith("only clients under ZDR are told 'zero-retention': where that is the target's word for it, 'means'")
