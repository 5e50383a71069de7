"""Every enablement action leaves exactly one true entry, in order."""

from __future__ import annotations

from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control

from . import scenarios as after

ACTIONS = (after.enablement_actions, after.a_migration_is_logged)


@control("ZDR-AUD-01", after=ACTIONS)
def test_each_action_has_exactly_one_entry(expect: Expect) -> None:
    for story in Story.all(expect):
        story.has_one_entry_for_each(expect, refused=False)


@control("ZDR-AUD-02", after=ACTIONS)
def test_refused_attempts_are_logged_as_refused(expect: Expect) -> None:
    for story in Story.all(expect):
        story.has_one_entry_for_each(expect, refused=True)


@control("ZDR-AUD-03", after=ACTIONS)
def test_entries_name_who_and_which_organization(expect: Expect) -> None:
    for story in Story.all(expect):
        story.names_actor_and_organization(expect)


@control("ZDR-AUD-04", after=ACTIONS)
def test_entries_stand_in_the_order_of_the_actions(expect: Expect) -> None:
    for story in Story.all(expect):
        story.is_in_order(expect)


@control("ZDR-AUD-05", after=ACTIONS)
def test_the_hash_chain_recomputes(expect: Expect) -> None:
    for story in Story.all(expect):
        story.chain_recomputes(expect)


@control("ZDR-AUD-09", after=ACTIONS)
def test_entry_times_lie_within_the_time_of_the_action(expect: Expect) -> None:
    for story in Story.all(expect):
        story.times_fit(expect)
