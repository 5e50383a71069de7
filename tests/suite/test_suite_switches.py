"""Who comes when, who may switch, and what is begun between two times of ZDR: what the scenarios send around a switch, and what their checks make of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bound import inconclusive, violated
from inside import Lab

from suites.blocked import scenarios as blocked
from suites.blocked.test_bypass import test_nothing_that_was_begun_between_two_times_of_zdr_can_be_used as nothing_from_between
from suites.enablement import scenarios as enablement
from suites.enablement.test_enablement import test_enabling_takes_effect_at_once as takes_effect
from suites.enablement.test_enablement import test_no_customer_role_can_disable as no_customer_disables
from suites.enablement.test_enablement import test_no_customer_role_can_enable as no_customer_enables
from suites.enablement.test_enablement import test_the_provider_can_disable as the_provider_disables
from zdr_audit.profile.model import Permissions
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.target.transport import Answer, Outgoing, now


def driven(lab: Lab, scenario: Scenario, control: str) -> Expect:
    scenario.drive(lab.assay(scenario.name, 0, "quick"))
    return Expect(lab.history(), lab.profile, control, (scenario.name,), ("main",))


# -- members of all times -----------------------------------------------------------------------------------------------------------


def test_members_who_came_during_the_review_ask_after_enabling(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, enablement.the_moment_of_enabling, "ZDR-ENB-04")
    asked = {i.role for i in expect.where(step="ask after", content="zdr") if i.accepted}
    assert asked == {"member", "admin", "newcomer-requested", "newcomer-approved", "newcomer"}
    order = [i.step for i in expect.interactions if i.operation in ("user.create", "zdr.request", "zdr.approve", "zdr.enable")]
    assert order[1:] == [
        "request",
        "a member comes after the request: add a user",
        "approve",
        "a member comes after the approval: add a user",
        "enable",
        "a member comes after: add a user",
    ]
    expect.features_refused(expect.some(step="use after"), "must be refused")


def test_a_member_from_the_review_who_is_left_out_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        check = lab.parts.gate.check

        def lenient(ctx, feature, endpoint):
            if "newcomer-approved" not in ctx.known_caller.email:
                check(ctx, feature, endpoint)

        lab.parts.gate.check = lenient  # type: ignore[method-assign]
        expect = driven(lab, enablement.the_moment_of_enabling, "ZDR-ENB-04")
        expect.kept_nowhere = lambda *_, **__: None  # type: ignore[method-assign]
        message, _ = violated(lambda: takes_effect(expect))
    assert "newcomer-approved" in message


@pytest.mark.parametrize("violation", [None, "enb-members-of-zdr-times-refused"])
def test_after_disabling_members_of_all_times_use_a_feature(tmp_path: Path, violation: str | None) -> None:
    with Lab(tmp_path, violation) as lab:
        expect = driven(lab, enablement.disabling, "ZDR-ENB-05")
        if violation is None:
            the_provider_disables(expect)
        else:
            message, findings = violated(lambda: the_provider_disables(expect))
            assert message.startswith("after disabling, the features must work again, whenever a member came, but: ")
            assert ".newcomer" in message and len(findings) == 1
    used = expect.where(step="use after disabling")
    assert {i.role for i in used} == {"member", "newcomer", "latecomer"}
    assert {i.content for i in used} <= {"standard", "none"}


def test_each_feature_that_worked_before_zdr_must_work_after_disabling(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, enablement.disabling, "ZDR-ENB-05")
        the_provider_disables(expect)
    _, *further = lab.profile.features
    for step in ("use each before ZDR", "use each after disabling"):
        assert [i.labels["feature"] for i in expect.where(step=step)] == further
        assert {i.content for i in expect.where(step=step)} == {"standard"}
    whole = list(expect.interactions)

    def closed(*steps: str) -> None:
        refused = {"status": 403, "outcome": "refused_by_policy", "accepted": False}
        expect.interactions[:] = [
            i.model_copy(update=refused) if i.step in steps and i.labels["feature"] == further[-1] else i for i in whole
        ]

    closed("use each after disabling")
    message, findings = violated(lambda: the_provider_disables(expect))
    assert message.startswith("after disabling, every feature that worked before ZDR must work again, but: ") and len(findings) == 1
    closed("use each before ZDR", "use each after disabling")
    the_provider_disables(expect)  # it is closed to everybody, by something else
    unanswered = {"status": None, "outcome": "no_answer", "accepted": False, "error": "timed out"}
    expect.interactions[:] = [i.model_copy(update=unanswered) if i.step == "use each before ZDR" else i for i in whole]
    assert "no decision" in inconclusive(lambda: the_provider_disables(expect))


def test_zdr_is_disabled_however_it_came_to_be_on(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, enablement.disabling, "ZDR-ENB-05")
        the_provider_disables(expect)
    for step in ("disable in another case", "status in another case"):
        assert [(i.labels["came"], i.outcome) for i in expect.where(step=step)] == [
            ("enabled once more", "accepted"),
            ("migrated", "accepted"),
        ]
        assert not any(i.counts for i in expect.where(step=step))
    again, moved = (i.labels["about"] for i in expect.where(step="disable in another case"))
    assert again == expect.one(step="disable").labels["about"] and moved == expect.one(step="migrate one").labels["about"]
    refused = {"status": 409, "outcome": "client_error", "accepted": False}
    for at, item in enumerate(expect.interactions):
        if item.step == "disable in another case":
            expect.interactions[at] = item.model_copy(update=refused)
            message, findings = violated(lambda: the_provider_disables(expect))
            assert "however it came to be on" in message and [f.interaction for f in findings] == [item.id]
            expect.interactions[at] = item
        if item.step == "status in another case":
            expect.interactions[at] = item.model_copy(update={"data": {"status": "enabled"}})
            assert "however it came to be on" in violated(lambda: the_provider_disables(expect))[0]
            expect.interactions[at] = item


def test_zdr_that_a_migration_kept_for_good_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "enb-migrated-cannot-be-disabled") as lab:
        message, (finding,) = violated(lambda: the_provider_disables(driven(lab, enablement.disabling, "ZDR-ENB-05")))
    assert message.startswith("the provider must be able to disable ZDR however it came to be on") and finding.interaction


@pytest.mark.parametrize("operations", [("zdr.migrate",), ("organization.create_api_zdr",)])
def test_where_nothing_can_be_migrated_the_other_cases_stand(tmp_path: Path, operations: tuple[str, ...]) -> None:
    with Lab(tmp_path) as lab:
        kept = {name: spec for name, spec in lab.profile.operations.items() if name not in operations}
        lab.profile = lab.profile.model_copy(update={"operations": kept})
        expect = driven(lab, enablement.disabling, "ZDR-ENB-05")
    the_provider_disables(expect)
    assert [i.labels["came"] for i in expect.where(step="disable in another case")] == ["enabled once more"]
    assert not expect.where(operation="organization.create_api_zdr")


def test_that_it_cannot_be_enabled_once_more_is_no_matter_of_disabling(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        send, filed = lab.transport.send, list[str]()

        def once(outgoing: Outgoing) -> Answer:
            if outgoing.operation == "zdr.request":
                filed.append(outgoing.raw_path)
                if filed.count(outgoing.raw_path) > 1:
                    return Answer(409, {}, b'{"type": "error", "error": {"type": "conflict"}}', "", now(), now())
            return send(outgoing)

        lab.transport.send = once  # type: ignore[method-assign]
        expect = driven(lab, enablement.disabling, "ZDR-ENB-05")
    the_provider_disables(expect)
    assert [i.labels["came"] for i in expect.where(step="disable in another case")] == ["migrated"]


# -- who may switch -----------------------------------------------------------------------------------------------------------------


def test_people_of_other_organizations_try_to_disable_too(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, enablement.disabling, "ZDR-ENB-06")
        no_customer_disables(expect)
    tried = expect.where(step="customer disables")
    assert [(i.role, i.outcome) for i in tried][:2] == [("member", "denied"), ("admin", "denied")]
    assert [(i.role, i.outcome) for i in tried][2:] == 2 * [("member", "not_found"), ("admin", "not_found")]
    assert len({i.organization for i in tried}) == 3
    assert tried[-1].organization == "neighbour"
    assert len({i.labels["about"] for i in tried}) == 1, "all of them on one organization"


def test_an_admin_of_a_sibling_who_can_disable_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "enb-sibling-admins-can-disable") as lab:
        expect = driven(lab, enablement.disabling, "ZDR-ENB-06")
        message, (finding,) = violated(lambda: no_customer_disables(expect))
    assert message.startswith("no customer role, of whichever organization, may disable ZDR, but: ")
    assert ".admin POST" in message and finding.location == "status 200"


def test_people_of_other_organizations_try_to_enable_too(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, enablement.customers_try_to_enable, "ZDR-ENB-02")
        no_customer_enables(expect)
    for step in ("customer requests", "customer approves", "customer enables"):
        tried = expect.where(step=step)
        assert [i.actor for i in tried][2:] == ["subject.member", "subject.admin", "neighbour.member", "neighbour.admin"]
        assert len({i.labels["about"] for i in tried}) == 1


def test_where_there_is_no_other_customer_those_of_the_account_try(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        del lab.parties["neighbour"]
        expect = driven(lab, enablement.customers_try_to_enable, "ZDR-ENB-02")
        no_customer_enables(expect)
    assert [i.actor for i in expect.where(step="customer requests")][2:] == ["subject.member", "subject.admin"]


# -- what is begun between two times of ZDR -----------------------------------------------------------------------------------------


def test_what_is_begun_between_two_times_of_zdr_is_gone_on_with(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, blocked.everything_begun_before, "ZDR-BLK-18")
        nothing_from_between(expect)
    begun, tried = expect.where(step="between"), expect.where(step="existing from between")
    assert {(i.outcome, i.content) for i in begun} == {("accepted", "standard")}
    assert [i.labels["feature"] for i in begun] == list(lab.profile.features)
    assert {i.labels["feature"] for i in tried} == {"web_sessions", "remote_sessions", "files", "batches"}
    assert {i.outcome for i in tried} == {"refused_by_policy"}


def test_what_was_begun_between_and_is_served_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "blk-begun-in-a-gap-served") as lab:
        expect = driven(lab, blocked.everything_begun_before, "ZDR-BLK-18")
        message, _ = violated(lambda: nothing_from_between(expect))
    assert message.startswith("what was begun while ZDR was off for a time must not be served once it is enabled again, but: ")


def test_where_zdr_cannot_be_disabled_nothing_is_begun_between(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        allow = ("organization.*", "user.*", "key.*", "zdr.request", "zdr.approve", "zdr.enable")
        lab.profile = lab.profile.model_copy(update={"permissions": Permissions(allow=allow)})
        expect = driven(lab, blocked.everything_begun_before, "ZDR-BLK-18")
    assert expect.where(step="newcomer"), "the rest of the story is told"
    with pytest.raises(DoesNotApply):
        nothing_from_between(expect)


def test_what_could_not_be_begun_between_proves_nothing(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = driven(lab, blocked.everything_begun_before, "ZDR-BLK-18")
    expect.interactions = [i.model_copy(update={"outcome": "client_error"}) if i.step == "between" else i for i in expect.interactions]
    told = inconclusive(lambda: nothing_from_between(expect))
    assert told.startswith("there is no interaction to judge this by: what was begun while ZDR was off")
