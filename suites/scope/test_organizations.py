"""ZDR belongs to one organization: not to the account, not to its siblings."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.limits import told_as_before, told_as_without_zdr
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive

from . import scenarios as after


@control("ZDR-SCP-01", after=(after.a_new_organization_under_the_account, after.a_second_organization_is_enabled))
def test_a_new_organization_starts_without_zdr(expect: Expect) -> None:
    # Also where more than one organization of the account has it.
    fresh = [*expect.some(step="new organization: status"), *expect.where(step="a newer organization: status")]
    expect.zdr_status(fresh, "disabled", "a new organization must start without ZDR")
    expect.served(expect.some(step="new organization: features"), "a new organization must be able to use features that need storage")
    told_as_without_zdr(
        expect, expect.where(step="new organization: limits"), "clients of a new organization must be told that it has no ZDR"
    )


@control("ZDR-SCP-01", after=(after.a_new_organization_under_the_account, after.a_successor_of_one_that_was_closed))
def test_a_successor_of_a_closed_organization_starts_without_zdr(expect: Expect) -> None:
    expect.about(after.a_successor_of_one_that_was_closed)
    expect.zdr_status(
        expect.some(step="successor: status"), "disabled", "a new organization must start without ZDR, whatever one of its name had"
    )
    expect.served(
        expect.some(step="successor: features"),
        "a new organization must be able to use features that need storage, whatever one of its name could not",
    )


@control("ZDR-SCP-02", after=after.one_of_two_siblings_is_enabled)
def test_enabling_one_organization_leaves_its_sibling_as_it_was(expect: Expect) -> None:
    expect.zdr_status(expect.some(step="sibling: status"), "disabled", "enabling one organization must not enable its sibling")
    expect.served(expect.some(step="sibling: features"), "enabling one organization must not block its sibling's features")
    told_as_without_zdr(
        expect, expect.where(step="sibling: limits"), "enabling one organization must not change what its sibling's clients are told"
    )


@control("ZDR-SCP-03", after=after.a_sibling_is_disabled)
def test_changes_at_a_sibling_do_not_take_zdr_away(expect: Expect) -> None:
    for step in ("stays: status", "subject: status"):
        expect.zdr_status(expect.some(step=step), "enabled", "changes at a sibling must not take ZDR from an organization")
    asked = expect.some(step="stays: ask")
    expect.kept_nowhere(asked, promise="changes at a sibling, and who else belongs to it, must not cause content to be kept")
    closed = expect.where(step="stays when one is closed: status")
    expect.zdr_status(closed, "enabled", "closing a sibling must not take ZDR from an organization")
    expect.features_refused(expect.some(step="stays: features"), "an organization must stay blocked when its sibling is disabled")
    before, now = expect.where(step="stays, at first: limits"), expect.where(step="stays: limits")
    told_as_before(expect, before, now, "changes at a sibling must not change what the clients of an organization are told")


@control("ZDR-SCP-03", after=after.a_sibling_is_migrated)
def test_the_migration_of_a_sibling_does_not_take_zdr_away(expect: Expect) -> None:
    expect.about(after.a_sibling_is_migrated)
    seen = [*expect.some(step="stays when one migrates: status"), *expect.some(step="subject when one migrates: status")]
    expect.zdr_status(seen, "enabled", "the migration of a sibling must not take ZDR from an organization")
    asked = expect.some(step="stays when one migrates: ask")
    expect.kept_nowhere(asked, promise="the migration of a sibling must not cause content to be kept")
    expect.features_refused(
        expect.some(step="stays when one migrates: features"), "an organization must stay blocked when its sibling migrates"
    )
    before, now = (expect.where(step=f"stays when one migrates{when}: limits") for when in (", at first", ""))
    told_as_before(expect, before, now, "the migration of a sibling must not change what the clients of an organization are told")


@control("ZDR-SCP-09", after=after.requests_that_speak_of_retention)
def test_no_request_can_take_itself_out_of_zdr(expect: Expect) -> None:
    expect.kept_nowhere(
        refusable=("ask to be stored",),
        promise="what a request says of retention, or of another organization, must not cause it to be kept",
    )


@control("ZDR-SCP-04", after=after.a_second_organization_is_enabled)
def test_a_second_organization_of_the_account_is_not_kept_either(expect: Expect) -> None:
    expect.kept_nowhere(promise="content of a second ZDR organization of the account must not be kept")


@control("ZDR-SCP-10", after=after.a_beginning_that_organizations_share)
def test_a_prompt_cache_serves_one_organization_alone(expect: Expect) -> None:
    others = expect.some(step="another organization")
    again = [i for key in ("control", "subject") for i in expect.some(step=f"again of {key}")]
    serves_one_alone(expect, others, again)


@control("ZDR-SCP-10", after=after.a_beginning_that_organizations_share)
def test_a_prompt_cache_serves_one_organization_alone_when_it_is_to_last_for_an_hour(expect: Expect) -> None:
    expect.dealt_with([i for key in ("control", "subject") for i in expect.where(step=f"first of {key}, for an hour")])
    others = expect.where(step="another organization, for an hour")
    if not others:
        raise DoesNotApply("the dialect or the target has no mark that asks for an hour in the cache")
    again = [i for key in ("control", "subject") for i in expect.where(step=f"again of {key}, for an hour")]
    serves_one_alone(expect, others, again)


def serves_one_alone(expect: Expect, others: list[Interaction], again: list[Interaction]) -> None:
    """None of the others was served from a prompt cache, though it served somebody who sent the same `again`. Raises Inconclusive where nobody knows."""
    expect.served(others, "inference must be served")
    untold = [i for i in others if "read_from_cache" not in i.labels]
    if untold:
        raise Inconclusive(f"the answer does not say how much was read from a prompt cache ({untold[0].id})")
    expect.every(
        others,
        lambda i: i.labels["read_from_cache"] == "0",
        "what another organization sent must not be in the prompt cache of an organization that sends the same for the first time",
    )
    if not any(int(i.labels.get("read_from_cache", "0")) > 0 for i in again):
        raise Inconclusive("not even the organization that sent the same before was served from a prompt cache")
