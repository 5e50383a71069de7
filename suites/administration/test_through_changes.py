"""What administrators have set up holds on, whatever else happens."""

from __future__ import annotations

from collections.abc import Callable

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.limits import closed
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive
from zdr_audit.suite.settings import otherwise

from .through_changes import BEGINNING, MANAGED, what_was_set_up, what_was_set_up_as_time_passes, what_was_set_up_before_a_migration

CHANGES = (what_was_set_up, what_was_set_up_before_a_migration, what_was_set_up_as_time_passes)


def holds_on(expect: Expect, step: str, holds: Callable[[Interaction], bool], promise: str) -> None:
    """What held when it was set up holds after each change."""
    expect.about(*CHANGES)
    looked = expect.where(step=step)
    if not looked:
        raise DoesNotApply("the profile does not offer what this would be seen by")
    expect.dealt_with([i for i in looked if i.status != 401])
    if not all(holds(i) for i in looked if i.labels["change"] == BEGINNING):
        raise Inconclusive(f"not even at the beginning is it so that {promise}")
    for item in looked:
        expect.that(holds(item), f"{promise}, also after {item.labels['change']}", item)


@control("ZDR-ADM-01", after=CHANGES)
def test_a_spend_limit_holds_through_all_that_happens(expect: Expect) -> None:
    stopped = expect.profile.operations["cost.set"].refused
    holds_on(expect, "over the limit", lambda i: i.status in stopped, "a user over the spend limit must be stopped")


@control("ZDR-ADM-06", after=CHANGES)
def test_managed_settings_hold_through_all_that_happens(expect: Expect) -> None:
    holds_on(expect, "settings", lambda i: not otherwise(i, MANAGED), "managed settings must be served as the admin set them")


@control("ZDR-ADM-08", after=CHANGES)
def test_users_stay_listed_through_all_that_happens(expect: Expect) -> None:
    listed: dict[tuple[str, str], set[str]] = {}
    for page in expect.where(step="users"):
        found = listed.setdefault((page.scenario, page.labels["change"]), set())
        found |= {str(row.get("email")) for row in (page.data or {}).get("items", ())}

    def all_there(page: Interaction) -> bool:
        return set(page.labels["users"].split()) <= listed[page.scenario, page.labels["change"]]

    holds_on(expect, "users", all_there, "every user of the organization must be listed")


@control("ZDR-CON-04", after=CHANGES)
def test_a_revoked_key_stays_revoked_through_all_that_happens(expect: Expect) -> None:
    expect.about(*CHANGES)
    expect.presupposes(expect.where(step="the key works"), "the key must work before it is revoked, so that a refusal means something")
    holds_on(expect, "revoked key", lambda i: i.status in (401, 403), "a revoked key must open nothing")


@control("ZDR-BLK-13", after=CHANGES)
def test_clients_are_told_their_limits_through_all_that_happens(expect: Expect) -> None:
    keys = [feature.restriction for feature in expect.profile.features.values() if feature.restriction is not None]
    if not keys:
        raise DoesNotApply("the profile names no feature whose 'restriction' clients are told")

    def allowed(item: Interaction, key: str) -> bool:
        return key not in closed(expect.profile, item)

    begins = [i for i in expect.where(step="limits without ZDR") if i.outcome == "accepted" and i.labels["change"] == BEGINNING]
    usual = [key for key in keys if all(allowed(i, key) for i in begins)]
    if not usual:
        raise Inconclusive("clients are told already at the beginning, without ZDR, that all features are closed, so no change could show")

    def told(wanted: bool) -> Callable[[Interaction], bool]:
        return lambda item: item.outcome == "accepted" and all(allowed(item, key) is wanted for key in usual)

    holds_on(expect, "limits without ZDR", told(True), "clients of an organization without ZDR must be told that features are allowed")
    holds_on(
        expect, "limits under ZDR", told(False), "clients of an organization under ZDR must be told that blocked features are not allowed"
    )
