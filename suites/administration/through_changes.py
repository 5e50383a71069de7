"""What administrators have set up holds on through whatever else happens: to their organization, to another of the account, to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

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
        return Standing(org, self.limited, self.managed, self.revoked)


def _set_up(assay: Assay, org: Party) -> Standing:
    """As much of it as the profile gives the means for."""
    limited = managed = False
    revoked: Actor | None = None
    with suppress(NotOffered):
        assay.needs("cost.set")
        org = assay.add_member(org, step="a user with a limit", role="limited")
        assay.must("cost.set", org.admin, step="set the limit", org=org, user=org.actor("limited").user, amount="0")
        limited = True
    with suppress(NotOffered):
        assay.needs("settings.read", "settings.write")
        assay.must("settings.write", org.admin, step="set the settings", org=org, settings=dict(MANAGED))
        managed = True
    with suppress(NotOffered):
        key = assay.further_key(org, org.member, step="give a key")
        assay.call("zdr.status", key, step="the key works", org=org)
        assay.revoke(org, key, step="revoke the key")
        revoked = key
    return Standing(org, limited, managed, revoked)


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
        _try(lambda: _a_sibling_comes_and_goes(assay), lambda: _somebody_is_held_and_leaves(assay, standing.org))
        _look(assay, standing, "a sibling came and went, a session was held, somebody left")
        assay.provide("zdr.disable", step="disable", org=standing.org)
        standing = standing.under(standing.org.under("standard"))
        _look(assay, standing, "ZDR was disabled")
        standing = standing.under(assay.enable(standing.org, step="enable again"))
        _look(assay, standing, "ZDR was enabled again")


@scenario(late=True)
def what_was_set_up_as_time_passes(assay: Assay) -> None:
    """A spend limit, settings, users and a revoked key, in the next month, after a purge and a restart"""
    with at_will():
        assay.needs("organization.create", "clock.advance")
        standing = _set_up(assay, assay.enable(assay.fresh()))
        _look(assay, standing, BEGINNING)
        assay.must("clock.advance", assay.staff("operator"), step="a month goes by", seconds=MONTH)
        _look(assay, standing, "a month went by")
        _try(lambda: _purge(assay), lambda: _restart(assay))
        _look(assay, standing, "the purge ran and the service began anew")


def _try(*changes: Callable[[], None]) -> None:
    """Each change that the profile gives the means for."""
    for change in changes:
        with suppress(NotOffered):
            change()


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
