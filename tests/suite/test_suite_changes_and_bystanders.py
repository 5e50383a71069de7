"""What must hold on after a change that is about something else: a limit in the next month, a revoked key after a migration, an entry whose actor left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive
from bound import violated as violation
from inside import Lab

from suites.administration import scenarios as administration
from suites.administration.test_administration import test_a_limit_still_holds_in_the_next_month as still_holds
from suites.administration.test_administration import test_managed_settings_are_served_and_follow_the_admin as served
from suites.audit_log.scenarios import a_closed_organization_is_acted_on, enablement_actions
from suites.audit_log.test_entries import test_refused_attempts_on_a_closed_organization_are_logged as logged
from suites.contract.test_contract import test_a_revoked_key_opens_nothing_after_a_migration_either as opens_nothing
from suites.enablement.scenarios import migration
from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import DoesNotApply, Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.party import NotOffered, NotThere


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


def test_a_limit_that_holds_on_is_accepted_and_one_that_ends_is_not(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, administration.a_limit_in_the_next_month)
        still_holds(expect)
        late = altered(expect, "ask over the limit a month later", status=200, outcome="accepted")
        assert "in the months after it was set, too" in violated(lambda: still_holds(late))
        never = altered(expect, "ask over the limit", status=200, outcome="accepted")
        assert "does not bind in the month" in inconclusive(lambda: still_holds(never))


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


def test_a_key_that_was_revoked_before_a_migration_must_open_nothing_after_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, migration)
        opens_nothing(expect)
        assert len(expect.where(step="a key revoked before")) == 2
        back = altered(expect, "a key revoked before", status=200, outcome="accepted")
        assert "before a migration must open nothing" in violated(lambda: opens_nothing(back))


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
