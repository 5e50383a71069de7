"""ZDR is switched on by the provider after a review, at once, and by nobody else."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.limits import told_as_without_zdr
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.suite.passed import has_passed

from ..administration.through_changes import what_was_set_up_before_a_migration
from ..exceptions.scenarios import two_years_pass
from . import scenarios as after
from . import waiting


@control("ZDR-ENB-01", after=after.the_way_to_zdr)
def test_request_review_and_enabling_lead_to_zdr(expect: Expect) -> None:
    apart, at_once = expect.profile.done_by("zdr.enable") is None, expect.profile.approved_at_once
    steps = [expect.one(step=step) for step in ("request", *(() if at_once else ("approve",)), *(("enable",) if apart else ()))]
    expect.served(steps, "the provider must be able to request, review and enable ZDR")
    alone = "an approved request alone must not enable ZDR" if apart else "a request alone must not enable ZDR"
    expect.zdr_status(expect.some(step="status before"), "disabled", alone)
    expect.zdr_status(expect.some(step="status after"), "enabled", "after enabling, the status must say so")
    before, now = expect.one(step="status before"), expect.one(step="status after")
    expect.revalidated(
        before, now, expect.where(step="poll after"), "after enabling, whoever polls the status must be told so", of=("status",)
    )


@control("ZDR-ENB-02", after=after.customers_try_to_enable)
def test_no_customer_role_can_enable(expect: Expect) -> None:
    apart, at_once = expect.profile.done_by("zdr.enable") is None, expect.profile.approved_at_once
    steps = ("customer requests", *(() if at_once else ("customer approves",)), *(("customer enables",) if apart else ()))
    # what was recorded is judged first: an attempt that succeeds breaks the scenario off
    expect.not_served(
        [i for step in steps for i in expect.where(step=step)],
        "no customer role, of whichever organization, may request, review or enable ZDR",
    )
    for step in steps:
        expect.some(step=step)
    expect.zdr_status(expect.some(step="status"), "disabled", "attempts of customers must not enable ZDR")


@control("ZDR-ENB-03", after=after.enabling_without_review)
def test_nothing_is_enabled_without_an_approved_review(expect: Expect) -> None:
    tried = (
        "enable before review",
        "enable after rejection",
        "enable the ineligible",
        "enable without a request",
        "enable by what is used up",
    )
    attempts = [i for i in expect.interactions if i.step in tried]
    expect.not_served(attempts, "ZDR must not be enabled without an approved review of an eligible organization")
    expect.zdr_status(expect.some(step="status"), "disabled", "ZDR must stay off without an approved review")
    if made := expect.where(step="status under a contract"):
        expect.zdr_status(made, "disabled", "ZDR that comes by contract must not come with another product, for which a review is needed")


@control("ZDR-ENB-03", after=(after.enabling_without_review, two_years_pass))
def test_a_request_that_nobody_decided_is_not_approved_by_time(expect: Expect) -> None:
    expect.about(two_years_pass)
    if expect.profile.approved_at_once:
        raise DoesNotApply("requests are approved at once, so that none waits for its review")
    promise = "a request that nobody decided must not be taken for approved, however long it waits"
    expect.presupposes(expect.some(step=waiting.FILED), "a request must be filed, so that it can wait")
    tried = expect.some(step=waiting.TRIED) if expect.profile.done_by("zdr.enable") is None else []
    if tried:  # what was done is a violation whenever it was; that it was refused says something when time has passed
        expect.not_served(tried, promise)
    expect.zdr_status(expect.some(step=waiting.TOLD), "disabled", promise)
    has_passed(expect, two_years_pass)


@control("ZDR-ENB-04", after=after.the_moment_of_enabling)
def test_enabling_takes_effect_at_once(expect: Expect) -> None:
    asked = [*expect.some(step="ask after"), *expect.where(step="ask after otherwise")]
    expect.kept_nowhere(asked, promise="from the enabling answer on, nothing must be kept")
    expect.presupposes(expect.some(step="use before"), "the feature must work before, so that refusing it after means something")
    used = [*expect.some(step="use after"), *expect.where(step="use after otherwise")]
    expect.features_refused(used, "from the enabling answer on, features that need storage must be refused, whoever the client is")


@control("ZDR-ENB-05", after=after.disabling)
def test_the_provider_can_disable(expect: Expect) -> None:
    expect.served(expect.some(step="disable"), "the provider must be able to disable ZDR")
    expect.zdr_status(expect.some(step="status after provider"), "disabled", "the provider must be able to disable ZDR")
    expect.served(expect.some(step="use after disabling"), "after disabling, the features must work again, whenever a member came")
    if each := _worked_before(expect, "use each before ZDR", "use each after disabling"):
        expect.served(each, "after disabling, every feature that worked before ZDR must work again")
    told_as_without_zdr(expect, expect.where(step="limits after disabling"), "after disabling, clients must be told that there is no ZDR")
    if others := expect.where(step="disable in another case"):
        however = "the provider must be able to disable ZDR however it came to be on: enabled once more, or kept by a migration"
        expect.served(others, however)
        expect.zdr_status(expect.some(step="status in another case"), "disabled", however)


def _worked_before(expect: Expect, before: str, after: str) -> list[Interaction]:
    """What was tried in the one step, of those features that worked in the other."""
    tried = expect.where(step=before)
    expect.dealt_with(tried)
    worked = {i.labels["feature"] for i in tried if i.outcome == "accepted"}
    return [i for i in expect.where(step=after) if i.labels["feature"] in worked]


@control("ZDR-ENB-06", after=after.disabling)
def test_no_customer_role_can_disable(expect: Expect) -> None:
    expect.not_served(expect.some(step="customer disables"), "no customer role, of whichever organization, may disable ZDR")
    left_on = "neither attempts of customers, nor what they administer, nor a further request may disable ZDR"
    expect.zdr_status(expect.some(step="status after customers"), "enabled", left_on)


@control("ZDR-ENB-07", after=after.migration)
def test_migration_leaves_no_gap(expect: Expect) -> None:
    expect.served(expect.some(step="migrate"), "a pay-as-you-go ZDR organization must be able to migrate")
    asked = [i for step in ("ask before", "ask during", "ask after") for i in expect.some(step=step)]
    asked += expect.where(step="ask after otherwise")
    expect.kept_nowhere(asked, promise="nothing must be kept before, during and after the migration")


@control("ZDR-ENB-08", after=(after.migration, what_was_set_up_before_a_migration))
def test_a_spend_limit_from_before_a_migration_binds_after_it(expect: Expect) -> None:
    expect.about(what_was_set_up_before_a_migration)
    asked = expect.where(step="over the limit")
    if not asked:
        raise DoesNotApply("no spend limit could be set before the migration")
    expect.dealt_with(asked)
    stopped = expect.profile.operations["cost.set"].refused
    expect.every(asked, lambda i: i.status in stopped, "a spend limit that was set before a migration must bind after it")


@control("ZDR-ENB-08", after=after.migration)
def test_after_migration_administration_is_there_and_zdr_still_on(expect: Expect) -> None:
    expect.zdr_status(expect.some(step="status after"), "enabled", "migration must keep ZDR")
    expect.served(expect.some(step="administration after"), "after migration the administrative capabilities must be there")


@control("ZDR-ENB-09", after=after.the_account_team_on_its_own)
def test_the_account_team_cannot_review_or_enable_its_own_request(expect: Expect) -> None:
    apart, at_once = expect.profile.done_by("zdr.enable") is None, expect.profile.approved_at_once
    theirs = apart and expect.profile.operations["zdr.enable"].by == expect.profile.operations["zdr.request"].by
    for step in (*(() if at_once else ("approve alone",)), *(("enable alone",) if apart and not theirs else ())):
        expect.not_served(expect.some(step=step), "the account team must not review or enable its own request")
    if others := expect.where(step="enable as other staff"):
        expect.not_served(others, "of the provider's staff only a reviewer must be able to enable")
