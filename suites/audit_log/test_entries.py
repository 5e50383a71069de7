"""Every enablement action leaves exactly one true entry, in order."""

from __future__ import annotations

from collections import Counter

from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.last_logs import stories_read_at_last
from zdr_audit.suite.log_entries import tells_of_zdr
from zdr_audit.suite.log_readings import every_chain_recomputes, every_log_is_in_order, same_as_in_the_list
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, listed, read_to_the_end

from ..enablement import scenarios as enablement
from ..enablement import under_fire
from ..exceptions import scenarios as exceptions
from . import scenarios as after

ACTIONS = (after.enablement_actions, after.a_migration_is_logged, after.refusals_of_the_ineligible)
NOT_READ_BEFORE = (enablement.customers_try_to_enable, enablement.enabling_without_review, enablement.disabling)
# Where else logs are read: after a migration, of a flagged session, of one whose sessions go on for years, of a request in odd letters.
ELSEWHERE = (
    enablement.migration,
    under_fire.migration_under_fire,
    exceptions.a_flagged_session_and_a_legal_hold,
    exceptions.dates_that_calendars_stumble_over,
    after.logs_after_all_the_traffic,
)


@control("ZDR-AUD-01", after=ACTIONS)
def test_each_action_has_exactly_one_entry(expect: Expect) -> None:
    Story.each(expect, lambda story: story.has_one_entry_for_each(expect, refused=False))


@control("ZDR-AUD-01", after=ACTIONS)
def test_zdr_that_came_with_an_organization_is_told_in_its_log(expect: Expect) -> None:
    expect.about(after.a_migration_is_logged)
    types = expect.audit_types
    if types is None:
        raise Inconclusive("the profile does not say how the audit log names these actions (audit_types)")
    log = expect.some(step="own log", scenario=after.a_migration_is_logged.name)
    expect.served(log, "an organization's admin must be able to read its audit log")
    read_to_the_end(log)
    if not listed(log):
        raise Inconclusive("the log is empty")
    told = [entry for entry in listed(log) if entry.get("type") != types.migrated and tells_of_zdr(entry, types)]
    expect.that(bool(told), "an entry must tell that ZDR was enabled for an organization that was made with it", log[0])


@control("ZDR-AUD-01", after=(*ACTIONS, after.the_same_reference_again))
def test_an_action_under_a_reference_that_was_there_before_has_an_entry_of_its_own(expect: Expect) -> None:
    expect.about(after.the_same_reference_again)
    asked = [i for i in expect.some(step="ask under one reference") if i.outcome == "accepted"][:2]
    # Who answers the second with the first, once more, has done nothing that an entry could tell of.
    made = {str((i.data or {}).get("request")) for i in asked}
    reference = asked[0].labels.get("marker") if asked else None
    if len(made) < 2 or expect.audit_types is None or asked[1].labels.get("marker") != reference:
        raise DoesNotApply("no two requests were made under one reference")
    log = expect.some(step="log of one reference")
    expect.served(log, "an organization's admin must be able to read its audit log")
    read_to_the_end(log)
    told = [e for e in listed(log) if e.get("type") == expect.audit_types.requested and reference == e.get("reference")]
    if not told:
        raise DoesNotApply("the log does not name references")
    expect.that(
        len(told) == len(made), f"{len(made)} requests under one reference must have {len(made)} entries, not {len(told)}", asked[1]
    )


@control("ZDR-AUD-01", after=after.enablement_actions)
def test_the_log_is_the_same_page_by_page(expect: Expect) -> None:
    pages, whole = expect.where(step="own log, page by page"), expect.some(step="own log")
    if not pages:
        raise DoesNotApply("the profile does not say how the size of a page of the audit log is asked for")
    expect.served([*pages, *whole], "an organization's admin must be able to read its audit log")
    for read in (whole, pages):
        read_to_the_end(read)
    once, again = (Counter(str(e.get("id")) for e in listed(read)) for read in (whole, pages))
    if not once:
        raise Inconclusive("the log is empty, so that it is the same however it is paged")
    lost = [entry for entry in once if again[entry] != once[entry]]
    expect.that(not lost, f"the log must hold each entry once, however it is paged: {', '.join(lost[:3])}", pages[-1])


@control("ZDR-AUD-01", after=after.logs_after_all_the_traffic, watching=NOT_READ_BEFORE)
def test_logs_that_nobody_read_before_the_end_have_an_entry_for_each_action(expect: Expect) -> None:
    stories = stories_read_at_last(expect, *NOT_READ_BEFORE)
    Story.each(expect, lambda story: story.has_one_entry_for_each(expect, refused=False), stories)


@control("ZDR-AUD-02", after=after.logs_after_all_the_traffic, watching=NOT_READ_BEFORE)
def test_logs_that_nobody_read_before_the_end_have_an_entry_for_each_refusal(expect: Expect) -> None:
    stories = stories_read_at_last(expect, *NOT_READ_BEFORE)
    Story.each(expect, lambda story: story.has_one_entry_for_each(expect, refused=True), stories)


@control("ZDR-AUD-02", after=ACTIONS)
def test_refused_attempts_are_logged_as_refused(expect: Expect) -> None:
    Story.each(expect, lambda story: story.has_one_entry_for_each(expect, refused=True))


@control("ZDR-AUD-02", after=after.a_closed_organization_is_acted_on)
def test_refused_attempts_on_a_closed_organization_are_logged(expect: Expect) -> None:
    expect.about(after.a_closed_organization_is_acted_on)
    for story in Story.all(expect):
        known = story.where_it_was_known()
        if not any(action.refused for action in known.actions):
            raise DoesNotApply("to the target, an organization that was closed is none, so that nothing was refused there")
        known.has_one_entry_for_each(expect, refused=True)


@control("ZDR-AUD-03", after=ACTIONS)
def test_entries_name_who_and_which_organization(expect: Expect) -> None:
    Story.each(expect, lambda story: story.names_actor_and_organization(expect))


@control("ZDR-AUD-03", after=after.enablement_actions)
def test_an_entry_read_by_its_id_says_what_the_list_says(expect: Expect) -> None:
    if "audit.entry" not in expect.profile.operations:
        raise DoesNotApply("the profile has no operation that reads a single entry of the audit log (audit.entry)")
    if not expect.profile.operations["audit.entry"].extract:
        raise DoesNotApply("the profile does not say what a single entry of the audit log tells ('extract' of audit.entry)")
    same_as_in_the_list(expect, expect.some(step="own log"), expect.where(step="own log, one entry"))


@control("ZDR-AUD-04", after=ACTIONS)
def test_entries_stand_in_the_order_of_the_actions(expect: Expect) -> None:
    Story.each(expect, lambda story: story.is_in_order(expect))


@control("ZDR-AUD-05", after=ACTIONS)
def test_the_hash_chain_recomputes(expect: Expect) -> None:
    Story.each(expect, lambda story: story.chain_recomputes(expect))


@control("ZDR-AUD-04", after=ACTIONS, watching=ELSEWHERE)
def test_every_log_that_was_read_is_in_order(expect: Expect) -> None:
    every_log_is_in_order(expect)


@control("ZDR-AUD-05", after=ACTIONS, watching=ELSEWHERE)
def test_the_hash_chain_of_every_log_that_was_read_recomputes(expect: Expect) -> None:
    # Whenever it was read: months later, after a restart, after a migration.
    every_chain_recomputes(expect)


@control("ZDR-AUD-09", after=ACTIONS)
def test_entry_times_lie_within_the_time_of_the_action(expect: Expect) -> None:
    Story.each(expect, lambda story: story.times_fit(expect))
