"""What administrators have set up holds on through whatever else happens: to their organization, to another of the account, to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, NotOffered, Party, at_will
from zdr_audit.target.stimulus import Stimulus

MANAGED: Mapping[str, object] = {"cleanupPeriodDays": 5, "includeCoAuthoredBy": False}
BEGINNING = "it was set up"
MONTH = 32 * 86_400


@dataclass(frozen=True)
class Standing:
    """An organization with what was set up in it: a user at the spend limit, managed settings, a key that was revoked."""

    org: Party
    limited: bool
    managed: bool
    revoked: Actor | None

    def under(self, org: Party) -> Standing:
        """The same after its promise changed."""
        return replace(self, org=org)


def _set_up(assay: Assay, org: Party, *, perhaps: bool = False) -> Standing:
    """As much of it as the profile gives the means for, and, where that is but `perhaps` there already, the target."""
    limited = managed = False
    do = assay.call if perhaps else assay.must
    with suppress(NotOffered):
        assay.needs("cost.set")
        org = assay.add_member(org, step="a user with a limit", role="limited")
        limited = do("cost.set", org.admin, step="set the limit", org=org, user=org.actor("limited").user, amount="0").accepted
    with suppress(NotOffered):
        assay.needs("settings.read", "settings.write")
        managed = do("settings.write", org.admin, step="set the settings", org=org, settings=dict(MANAGED)).accepted
    return Standing(org, limited, managed, assay.revoked_key(org))


def _look(assay: Assay, standing: Standing, change: str) -> None:
    """What holds of it now, after this change."""
    org, told = standing.org, {"change": change}
    if standing.limited:
        refused = assay.profile.operations["cost.set"].refused
        assay.infer(
            org.actor("limited"), Stimulus(answer=False), step="over the limit", counts=False, labels=told, how=How(expects=refused)
        )
    if standing.managed:
        assay.call("settings.read", org.member, step="settings", labels=told)
    if standing.revoked is not None:
        assay.attempt("zdr.status", standing.revoked, step="revoked key", org=org, weigh="answer", labels=told)
    if assay.offers("users.list"):
        users = " ".join(sorted(actor.email for actor in org.actors.values() if actor.email))
        assay.list_all("users.list", org.admin, step="users", org=org, labels=told | {"users": users})
    if assay.offers("policy_limits.read"):
        state = "under ZDR" if org.content == "zdr" else "without ZDR"
        assay.call("policy_limits.read", org.member, step=f"limits {state}", labels=told)


@scenario()
def what_was_set_up(assay: Assay) -> None:
    """A spend limit, settings, users and a revoked key, through enabling, changes of others, disabling and enabling again"""
    with at_will():
        assay.needs("organization.create")
        standing = _set_up(assay, assay.fresh())
        _look(assay, standing, BEGINNING)
        standing = standing.under(assay.enable(standing.org))
        _look(assay, standing, "ZDR was enabled")
        _look_after(
            assay,
            standing,
            {
                "a sibling came and went": partial(_a_sibling_comes_and_goes, assay),
                "a session was held and somebody left": partial(_somebody_is_held_and_leaves, assay, standing.org),
            },
        )
        assay.provide("zdr.disable", step="disable", org=standing.org)
        standing = standing.under(standing.org.under("standard"))
        _look(assay, standing, "ZDR was disabled")
        standing = standing.under(assay.enable(standing.org, step="enable again"))
        _look(assay, standing, "ZDR was enabled again")


@scenario()
def what_was_set_up_before_a_migration(assay: Assay) -> None:
    """A spend limit, settings, users and a revoked key of a pay-as-you-go organization, after it moved to enterprise"""
    with at_will():
        assay.needs("organization.create_api_zdr", "zdr.migrate")
        # It may well come to administration by the move alone: what it can set up holds on.
        standing = _set_up(assay, assay.fresh(operation="organization.create_api_zdr").under("zdr"), perhaps=True)
        assay.provide("zdr.migrate", step="migrate", org=standing.org)
        _look(assay, standing, "it was migrated")


@scenario(late=True)
def what_was_set_up_as_time_passes(assay: Assay) -> None:
    """A spend limit, settings, users and a revoked key, in the next month, after a purge and a restart"""
    with at_will():
        assay.needs("organization.create", "clock.advance")
        standing = _set_up(assay, assay.enable(assay.fresh()))
        _look(assay, standing, BEGINNING)
        assay.must("clock.advance", assay.staff("operator"), step="a month goes by", seconds=MONTH)
        _look(assay, standing, "a month went by")
        _look_after(assay, standing, {"the purge ran": partial(_purge, assay), "the service began anew": partial(_restart, assay)})


def _look_after(assay: Assay, standing: Standing, changes: Mapping[str, Callable[[], None]]) -> None:
    """One look after all of these changes that the profile gives the means for, named by them; none where there are no means for any."""
    made = []
    for name, change in changes.items():
        with suppress(NotOffered):
            change()
            made.append(name)
    if made:
        _look(assay, standing, ", ".join(made))


def _a_sibling_comes_and_goes(assay: Assay) -> None:
    assay.needs("organization.delete")
    sibling = assay.enable(assay.fresh(step="create a sibling"), step="enable the sibling")
    assay.provide("organization.delete", step="close the sibling", org=sibling, organization=sibling.id)


def _somebody_is_held_and_leaves(assay: Assay, org: Party) -> None:
    assay.needs("hold.place", "hold.release", "key.revoke")
    operator = assay.staff("operator")
    leaves = assay.add_member(org, step="somebody comes", role="passing").actor("passing")
    hold = assay.must("hold.place", operator, step="place a hold", org=org, session="zdr-audit-passing")
    assay.must("hold.release", operator, step="release it", org=org, hold=hold.values["hold"])
    assay.revoke(org, leaves, step="somebody leaves")


def _purge(assay: Assay) -> None:
    assay.needs("purge.run")
    assay.must("purge.run", assay.staff("operator"), step="purge")


def _restart(assay: Assay) -> None:
    assay.needs("service.restart")
    assay.restart()
