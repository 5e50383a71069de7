"""What holds for a flagged session and a hold goes on to hold when the organization is disabled, enabled again, migrated, and closed."""

from __future__ import annotations

from contextlib import suppress

from zdr_audit.profile.evidence import Evidence
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import NotOffered, Party, at_will
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.template import names

FLAGGED, HELD = "zdr-audit-flagged", "zdr-audit-held"
BEFORE, BESIDE, READ, READ_BACK = (
    "ask beside before the flag",
    "ask beside after a change",
    "others read after a change",
    "read back after a change",
)
"""How the steps are called that are judged by."""


@scenario()
def a_flagged_session_and_a_disabling(assay: Assay) -> None:
    """An organization with a flagged session is disabled, enabled again and, where that can be done, closed"""
    with at_will():
        assay.needs("session.flag")
        if not (assay.offers("zdr.disable") or assay.offers("organization.delete")):
            assay.needs("zdr.disable")
        _disable_enable_and_close(assay)


def _disable_enable_and_close(assay: Assay) -> None:
    org = assay.enable(assay.fresh())
    hold = _except(assay, org)
    if assay.offers("zdr.disable"):
        assay.provide("zdr.disable", step="disable", org=org)
        _look(assay, org.under("standard"), "disabled")
        org = assay.enable(org, step="enable again")
        _look(assay, org, "enabled again")
        _ask_others(assay, org, "enabled again")
    _release(assay, org, hold)
    if assay.offers("organization.delete"):
        assay.provide("organization.delete", step="close the organization", org=org, organization=org.id)


@scenario()
def a_flagged_session_and_a_migration(assay: Assay) -> None:
    """A pay-as-you-go ZDR organization with a flagged session moves to enterprise"""
    with at_will():
        assay.needs("session.flag", "organization.create_api_zdr", "zdr.migrate")
        org = assay.fresh(operation="organization.create_api_zdr").under("zdr")
        hold = _except(assay, org)
        assay.provide("zdr.migrate", step="migrate", org=org)
        _look(assay, org, "migrated")
        _ask_others(assay, org, "migrated")
        _release(assay, org, hold)


def _except(assay: Assay, org: Party) -> str:
    """Something is said beside, a session is flagged and something said in it, another is held, where that can be done; gives the hold, empty where there
    is none."""
    operator = assay.staff("operator")
    assay.infer(org.member, Stimulus(session="zdr-audit-beside"), step=BEFORE, counts=False)
    assay.must("session.flag", operator, step="flag before the change", org=org, session=FLAGGED)
    assay.infer(org.under("exception").member, Stimulus(session=FLAGGED), step="ask in the flagged session before the change")
    if not (assay.offers("hold.place") and assay.offers("hold.release")):
        return ""
    return str(assay.must("hold.place", operator, step="hold before the change", org=org, session=HELD).values.get("hold", ""))


def _release(assay: Assay, org: Party, hold: str) -> None:
    if hold:
        assay.must("hold.release", assay.staff("operator"), step="release after the change", org=org, hold=hold)


def _ask_others(assay: Assay, org: Party, change: str) -> None:
    """What is said outside the flagged and the held session is under the promise, as before the change."""
    beside = Stimulus(session="zdr-audit-beside", stream=True)
    for actor, stimulus in ((org.member, beside), (org.admin, Stimulus())):
        assay.infer(actor, stimulus, step=BESIDE, counts=False, labels={"change": change})


def _look(assay: Assay, org: Party, change: str) -> None:
    """Customers try to read what is kept by exception: as the operator does, and by the interfaces that give stored content back."""
    told = {"change": change}
    if assay.offers("exceptions.list") and assay.offers("exceptions.read"):
        listed = assay.list_all("exceptions.list", assay.staff("operator"), step="operator lists after a change", org=org, labels=told)
        for item in listed.items:
            for actor in (org.member, org.admin):
                assay.call("exceptions.read", actor, step=READ, org=org, labels=told, weigh="decision", exception=item["exception"])
    for evidence in assay.profile.evidence:
        if evidence.kind == "http" and evidence.of != "control":
            _read_back(assay, org, evidence, told)


def _read_back(assay: Assay, org: Party, evidence: Evidence, told: dict[str, str]) -> None:
    """All that an interface gives back of what is stored, to whoever of the organization it is for: the list, and each item of it."""
    listing = evidence.operation or ""
    reader = org.under("none").actor(by if (by := assay.profile.operations[listing].by) in org.actors else "member")
    items = assay.list_all(listing, reader, step=READ_BACK, org=org, labels=told, weigh="decision").items
    if evidence.detail is None:
        return
    detail = assay.profile.operations[evidence.detail]
    wanted = names(detail.path) | names(detail.query)
    for item in items:
        known = {name: value for name, value in item.items() if name in wanted}
        with suppress(NotOffered):  # where the list does not say how its items are called, it is itself all that can be read
            assay.call(evidence.detail, reader, step=READ_BACK, org=org, labels=told, weigh="decision", **known)
