"""What must hold on after a change that is about something else: a limit in the next month, a revoked key after a migration, an entry whose actor left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive
from bound import violated as violation
from inside import Lab

from suites.administration import scenarios as administration
from suites.administration.test_administration import test_managed_settings_are_served_and_follow_the_admin as served
from suites.administration.test_through_changes import test_a_revoked_key_stays_revoked_through_all_that_happens as key_stays_revoked
from suites.administration.test_through_changes import test_a_spend_limit_holds_through_all_that_happens as limit_holds
from suites.administration.test_through_changes import test_clients_are_told_their_limits_through_all_that_happens as limits_hold
from suites.administration.test_through_changes import test_managed_settings_hold_through_all_that_happens as settings_hold
from suites.administration.test_through_changes import test_users_stay_listed_through_all_that_happens as users_hold
from suites.administration.through_changes import what_was_set_up, what_was_set_up_before_a_migration
from suites.audit_log.scenarios import a_closed_organization_is_acted_on, enablement_actions
from suites.audit_log.test_entries import test_refused_attempts_on_a_closed_organization_are_logged as logged
from suites.contract.test_contract import test_a_revoked_key_opens_nothing_after_a_migration_either as opens_nothing
from suites.enablement.scenarios import migration
from suites.enablement.test_enablement import test_a_spend_limit_from_before_a_migration_binds_after_it as limit_binds
from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.suite.party import NotOffered, NotThere
from zdr_audit.target.transport import Answer, Outgoing


def driven(lab: Lab, scenario: Scenario) -> Expect:
    assay = lab.assay(scenario.name, 0, "quick")
    assay.parallel = lambda jobs, workers=1: [job() for job in jobs]  # type: ignore[method-assign]
    scenario.drive(assay)
    return Expect(lab.history(), lab.profile, "ZDR-ADM-01", (scenario.name,), ("main",))


def altered(expect: Expect, step: str, **changes: Any) -> Expect:
    """The same record with other answers in this step."""
    for number, item in enumerate(expect.interactions):
        if item.step == step:
            expect.interactions[number] = item.model_copy(update=changes)
    return expect


def violated(call: Callable[[], object]) -> str:
    return violation(call)[0]


def without(lab: Lab, *operations: str) -> None:
    kept = {name: spec for name, spec in lab.profile.operations.items() if name not in operations}
    lab.profile = lab.profile.model_copy(update={"operations": kept})


TABLE = {
    "over the limit": (limit_holds, {"status": 200, "outcome": "accepted"}, "must be stopped, also after ZDR was disabled"),
    "settings": (settings_hold, {"data": {"settings": {"cleanupPeriodDays": 5}}}, "as the admin set them, also after ZDR was disabled"),
    "users": (users_hold, {"data": {"items": []}}, "must be listed, also after ZDR was disabled"),
    "revoked key": (key_stays_revoked, {"status": 200, "outcome": "accepted"}, "must open nothing, also after ZDR was disabled"),
    "limits without ZDR": (
        limits_hold,
        {"data": {"restrictions": {"allow_web_sessions": {"allowed": False}}}},
        "also after ZDR was disabled",
    ),
}


@pytest.fixture(scope="module")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Expect]:
    with Lab(tmp_path_factory.mktemp("lab")) as lab:
        yield driven(lab, what_was_set_up)


@pytest.mark.parametrize("step", TABLE)
def test_what_holds_on_is_accepted_and_what_ends_with_a_change_is_not(set_up: Expect, step: str) -> None:
    check, answer, said = TABLE[step]
    check(set_up)
    before = list(set_up.interactions)
    looked = [item for item in before if item.step == step]
    assert len({item.labels["change"] for item in looked}) >= 2
    set_up.interactions[:] = [
        item.model_copy(update=answer) if item.step == step and item.labels["change"] == "ZDR was disabled" else item for item in before
    ]
    assert said in violated(lambda: check(set_up))
    set_up.interactions[:] = [item.model_copy(update=answer) if item.step == step else item for item in before]
    if step != "limits without ZDR":  # what is not allowed without ZDR either is not asked for
        assert "not even at the beginning" in inconclusive(lambda: check(set_up))
    set_up.interactions[:] = [item for item in before if item.step != step]
    if step != "limits without ZDR":
        with pytest.raises(DoesNotApply):
            check(set_up)
    set_up.interactions[:] = before


def test_limits_that_are_closed_from_the_beginning_show_nothing_of_changes(set_up: Expect) -> None:
    before = list(set_up.interactions)
    keys = [feature.restriction for feature in set_up.profile.features.values() if feature.restriction]
    all_closed = {"data": {"restrictions": {key: {"allowed": False} for key in keys}}}
    try:
        for step in ("limits without ZDR", "limits under ZDR"):
            altered(set_up, step, **all_closed)
        assert "already at the beginning" in inconclusive(lambda: limits_hold(set_up))
    finally:
        set_up.interactions[:] = before


def test_where_no_feature_has_a_restriction_nothing_is_said_of_limits(set_up: Expect) -> None:
    features = {name: feature.model_copy(update={"restriction": None}) for name, feature in set_up.profile.features.items()}
    profile = set_up.profile.model_copy(update={"features": features})
    expect = Expect(set_up.history, profile, set_up.control, (what_was_set_up.name,), ("main",))
    with pytest.raises(DoesNotApply, match="no feature whose 'restriction'"):
        limits_hold(expect)


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ((), "a sibling came and went, a session was held and somebody left"),
        (("organization.delete",), "a session was held and somebody left"),
        (("hold.place",), "a sibling came and went"),
        (("organization.delete", "hold.place"), None),
    ],
)
def test_a_look_names_the_changes_that_were_made_and_no_others(tmp_path: Path, missing: tuple[str, ...], named: str | None) -> None:
    with Lab(tmp_path) as lab:
        without(lab, *missing)
        changes = {item.labels["change"] for item in driven(lab, what_was_set_up).where(step="settings")}
        assert changes - {"it was set up", "ZDR was enabled", "ZDR was disabled", "ZDR was enabled again"} == ({named} if named else set())


def test_a_setting_that_is_off_is_not_nought(set_up: Expect) -> None:
    before = list(set_up.interactions)
    try:
        for number, item in enumerate(before):
            if item.step == "settings" and item.labels["change"] == "ZDR was enabled":
                told = item.data["settings"] | {"includeCoAuthoredBy": 0}
                set_up.interactions[number] = item.model_copy(update={"data": {"settings": told}})
        assert "also after ZDR was enabled" in violated(lambda: settings_hold(set_up))
    finally:
        set_up.interactions[:] = before


def test_settings_that_are_off_or_empty_count_as_others_do(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, administration.settings_are_changed)
        served(expect)
        (read,) = expect.where(step="read values of every kind")
        told = read.data["settings"]
        for name, other in (("includeCoAuthoredBy", 0), ("cleanupPeriodDays", None), ("apiKeyHelper", "x")):
            worse = altered(expect, "read values of every kind", data={"settings": told | {name: other}})
            assert name in violated(lambda worse=worse: served(worse))
        less = {key: value for key, value in told.items() if value}
        assert "includeCoAuthoredBy" in violated(lambda: served(altered(expect, "read values of every kind", data={"settings": less})))


def test_settings_that_were_taken_away_are_gone_and_those_that_nobody_set_may_stand_there(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, administration.settings_are_changed)
        served(expect)
        (read,) = expect.where(step="read what is left")
        left = read.data["settings"]
        assert left == administration.FEWER
        nested = {"permissions": {"allow": [], "deny": ["WebFetch"]}}
        for name, more in (("apiKeyHelper", {"apiKeyHelper": ""}), ("permissions.deny", nested)):
            still = altered(expect, "read what is left", data={"settings": left | more})
            assert f"any more: {name}" in violated(lambda still=still: served(still))
        assert "set them last" in violated(
            lambda: served(altered(expect, "read what is left", data={"settings": left | {"cleanupPeriodDays": 0}}))
        )
        harmless = {"model": "opus", "apiKeyHelper": None, "includeCoAuthoredBy": 0, "permissions": {"allow": [], "deny": [], "ask": []}}
        served(altered(expect, "read what is left", data={"settings": left | harmless}))
        (before,) = expect.where(step="read before")
        own = {"apiKeyHelper": ""}  # told before anybody set it
        altered(expect, "read before", data=before.data | {"settings": before.data["settings"] | own})
        served(altered(expect, "read what is left", data={"settings": left | own}))


def test_where_a_write_is_a_patch_nothing_is_taken_away_by_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        operations = dict(lab.profile.operations)
        hands = lab.assay("administration.settings_are_changed", 0, "quick")
        org = hands.fresh()
        operations["settings.write"] = operations["settings.write"].model_copy(update={"method": "PATCH"})
        patching = replace(hands, profile=lab.profile.model_copy(update={"operations": operations}))
        administration._take_settings_away(patching, org)
        assert not [i for i in lab.history().interactions.values() if i.step == "take settings away"]


def test_a_key_that_was_revoked_before_a_migration_must_open_nothing_after_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, migration)
        opens_nothing(expect)
        assert len(expect.where(step="a key revoked before")) == 2
        back = altered(expect, "a key revoked before", status=200, outcome="accepted")
        assert "before a migration must open nothing" in violated(lambda: opens_nothing(back))


def test_a_spend_limit_from_before_a_migration_must_bind_after_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, what_was_set_up_before_a_migration)
    assert [i.labels["change"] for i in expect.some(step="settings")] == ["it was migrated"]
    limit_binds(expect)
    limit_holds(expect)
    altered(expect, "over the limit", status=200, outcome="accepted")
    assert "a spend limit that was set before a migration must bind after it" in violated(lambda: limit_binds(expect))
    assert "must be stopped, also after it was migrated" in violated(lambda: limit_holds(expect))


def test_where_nothing_can_be_set_up_before_a_migration_nothing_is_missed_after_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        send = lab.transport.send

        def closed(outgoing: Outgoing) -> Answer:
            answer = send(outgoing)
            return replace(answer, status=403, body=b"{}") if outgoing.operation in ("cost.set", "settings.write") else answer

        lab.transport.send = closed  # type: ignore[method-assign]
        expect = driven(lab, what_was_set_up_before_a_migration)
    assert not expect.where(step="over the limit") and not expect.where(step="settings")
    with pytest.raises(DoesNotApply, match="no spend limit could be set before the migration"):
        limit_binds(expect)


def test_where_keys_cannot_be_revoked_nothing_is_said_of_them(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        without(lab, "key.revoke")
        expect = driven(lab, migration)
        assert not expect.where(step="a key revoked before")
        with pytest.raises(DoesNotApply):
            opens_nothing(expect)


def test_a_key_without_a_name_cannot_be_revoked(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("contract.a_revoked_key", 0, "quick")
        org = hands.fresh()
        assert org.member.key_id
        with pytest.raises(NotOffered, match="extracts no 'key_id'"):
            hands.revoke(org, org.admin, step="revoke")


def test_refused_attempts_on_a_closed_organization_must_be_in_its_log(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_closed_organization_is_acted_on)
        logged(expect)
        (log,) = expect.where(step="own log")
        rest = [entry for entry in log.data["items"] if entry["outcome"] == "success"]
        assert "must have" in violated(lambda: logged(altered(expect, "own log", data={"items": rest})))


def test_to_whom_a_closed_organization_is_none_need_log_nothing_there(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, a_closed_organization_is_acted_on)

        def unknown(item: Interaction) -> Interaction:
            tried = "audit" in item.labels and item.outcome != "accepted"
            return item.model_copy(update={"status": 404, "outcome": "not_found"}) if tried else item

        expect.interactions[:] = [unknown(item) for item in expect.interactions]
        with pytest.raises(DoesNotApply, match="to the target, an organization that was closed is none"):
            logged(expect)


def test_where_nobody_of_the_provider_may_read_its_log_it_is_not_looked_at(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        assay = lab.assay(a_closed_organization_is_acted_on.name, 0, "quick")
        assay.staff_actors = {role: actor for role, actor in assay.staff_actors.items() if role in ("account_team", "reviewer")}
        with pytest.raises(NotThere, match="nobody of the provider may read"):
            a_closed_organization_is_acted_on.drive(assay)


def test_a_colleague_who_acted_leaves_before_the_log_is_read_again(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, enablement_actions)
        read, left = expect.some(step="own log")[0], expect.one(step="the colleague leaves")
        assert read.id < left.id and left.accepted
