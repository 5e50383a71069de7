"""ZDR is switched, and organizations move, while many sessions go on asking, on every node of the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, Party
from zdr_audit.suite.traffic import SLOW_LINES, Traffic
from zdr_audit.target.stimulus import Stimulus

from .scenarios import probe

SESSIONS = 6


def _fire(assay: Assay, party: Callable[[], Party]) -> Callable[[int], None]:
    """What each session sends, again and again: two in three ask the model, the others use a feature; those on slow lines come on top."""

    def send(session: int) -> None:
        who = party()
        counts = who.content == "zdr"
        if session >= SESSIONS:
            assay.infer(who.member, Stimulus(), step="ask", counts=counts, how=How(slowly=SLOW_LINES[session - SESSIONS]))
        elif session % 3 == 2:
            probe(assay, who, "use", counts=counts)
        else:
            stimulus = Stimulus(stream=session % 2 == 0, session=assay.session(f"zdr-audit-session-{session}"))
            assay.infer(who.member, stimulus, step="ask", counts=counts)

    return send


def _at_once(assay: Assay, party: Party) -> None:
    """The next thing that reaches each node."""
    for number in range(assay.nodes):
        node = assay.node(number)
        node.infer(party.member, Stimulus(), step="ask")
        probe(node, party, "use", counts=True)


@scenario()
def switching_under_fire(assay: Assay) -> None:
    """Prompts and feature calls from many sessions while ZDR is switched on, off and on again"""
    org = promised = assay.fresh()
    with Traffic(_fire(assay, lambda: promised), SESSIONS + len(SLOW_LINES)) as traffic:
        traffic.wait_for(SESSIONS)
        for turn in range(assay.count(1, 2, 6)):
            if turn:
                assay.provide("zdr.disable", step="disable", org=org)
                promised = org.under("standard")
                traffic.wait_for(SESSIONS)
            assay.enable(org)
            promised = org.under("zdr")
            _at_once(assay, promised)
            traffic.wait_for(2 * SESSIONS)


@scenario()
def migration_under_fire(assay: Assay) -> None:
    """A pay-as-you-go ZDR organization moves to enterprise while many sessions go on asking"""
    org = assay.fresh(operation="organization.create_api_zdr").under("zdr")
    for name in assay.profile.features:
        assay.use_feature(name, assay.control.member, step="use without ZDR", counts=False, only=lambda e: e.begins)
    with Traffic(_fire(assay, lambda: org), SESSIONS + len(SLOW_LINES)) as traffic:
        traffic.wait_for(SESSIONS)
        assay.provide("zdr.migrate", step="migrate", org=org)
        _at_once(assay, org)
        for name in assay.profile.features:
            assay.use_feature(name, org.member, step="use", only=lambda e: e.begins)
        traffic.wait_for(2 * SESSIONS)
    for key, admin in (("old", org.admin), ("new", _with_new_key(assay, org))):
        assay.list_all("audit.list", admin, step=f"read the log with the {key} key", org=org)
        if assay.offers("analytics.read"):
            assay.list_all("analytics.read", admin, step="administration", org=org)


def _with_new_key(assay: Assay, org: Party) -> Actor:
    """The organization's admin with a key that was made after it moved."""
    users = assay.list_all("users.list", org.admin, step="look for the admin", org=org).items
    user = next((item["user"] for item in users if item.get("email") == org.admin.email), None)
    if user is None:
        raise ScenarioBroken("the organization's admin is not among its users")
    made = assay.must("key.create", org.admin, step="give the admin a new key", org=org, user=user)
    return replace(org.admin, secret=str(made.values["key"]))
