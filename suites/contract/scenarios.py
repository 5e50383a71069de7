"""The interface at its edges: documented answers, credentials, roles, tenants."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from zdr_audit.profile.model import GIVEN
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.ahead import draw_ahead
from zdr_audit.suite.contract.chains import follow
from zdr_audit.suite.contract.fuzz import entitled_roles, fuzz
from zdr_audit.suite.contract.malformed import malform
from zdr_audit.suite.contract.requests import Requests
from zdr_audit.suite.contract.walk import Walk
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, NotOffered, NotThere, Party, in_the_other_header
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.template import names


def _explored(assay: Assay) -> tuple[Party, dict[str, Actor], bool]:
    """The organization that documented operations are tried on, all roles at hand, and whether it is ours to change: one made for the run, else the
    control organization, of which we only read."""
    try:
        org, ours = assay.fresh(account=assay.subject), True
    except NotOffered:
        org, ours = assay.control, False
    own: dict[str, Actor] = {role: org.actor(role) for role in ("admin", "member") if role in org.actors}
    return org, {**own, **assay.staff_actors}, ours


@scenario(first=True)
def interface_document(assay: Assay) -> None:
    """The interface document is read; requests for it are drawn while others are sent"""
    if assay.offers("openapi.read"):
        draw_ahead(assay.document("openapi.read", step="read the interface document"), assay.depth, assay.seed)


@scenario()
def fuzzing(assay: Assay) -> None:
    """Schemathesis generates requests from the interface document"""
    document = assay.document("openapi.read", step="read the interface document")
    _, actors, ours = _explored(assay)
    fuzz(assay, document, actors, writes=ours)
    if assay.depth == "thorough":
        follow(assay, document, actors, writes=ours, chains=150)


@scenario()
def documented_interface(assay: Assay) -> None:
    """Every documented operation as every role, and with another tenant's identifiers"""
    if not assay.offers("openapi.read"):
        return  # the controls that need it say so
    document = assay.document("openapi.read", step="read the interface document")
    org, actors, ours = _explored(assay)
    Walk(assay, document, org, actors, assay.others.get("neighbour"), writes=ours).go()


@scenario()
def malformed_everywhere(assay: Assay) -> None:
    """Malformed requests to every operation, with content at every place"""
    if not assay.offers("openapi.read"):
        return  # the controls that need it say so
    document = assay.document("openapi.read", step="read the interface document")
    requests = Requests(assay, document, assay.subject)
    customers: dict[str, Actor] = {role: assay.subject.actor(role) for role in ("member", "admin") if role in assay.subject.actors}
    for one in requests.documented.values():
        entitled = [role for role in entitled_roles(one, {**customers, **assay.staff_actors}, assay) if role in customers]
        if one.label in requests.operations and not one.needs_storage and entitled:
            malform(assay, requests, one, customers[entitled[0]])


@scenario()
def without_credential(assay: Assay) -> None:
    """Every operation without a credential, and with a wrong one"""
    wrong = Actor("wrong-credential", "nobody", "nobody", "", "none", assay.subject.member.header, "not-a-credential-of-anybody")
    for name, spec in assay.profile.operations.items():
        if spec.by == "anybody" or not assay.offers(name) or name.startswith(("clock.", "purge.", "service.")):
            continue
        if name in assay.profile.removals and spec.path.endswith("{org}"):
            continue  # should the target let it pass, the subject organization would be gone
        for actor, step in ((None, "no credential"), (wrong, "wrong credential")):
            body = {"_body": b"{}"} if spec.body is not None or spec.method == "POST" else {}
            assay.attempt(name, actor, step=step, org=assay.subject, weigh="answer", _made_up="none", **body)


@scenario()
def a_revoked_key(assay: Assay) -> None:
    """A key that was given, and one of its user's two that was taken away again"""
    for name in ("organization.create", "key.create", "key.revoke"):
        if name not in assay.profile.operations:  # then keys that nobody was given are all that can be tried
            raise NotThere(f"the profile names no operation '{name}'")
    org = assay.fresh()
    holder = assay.further_key(org, org.member, step="give a key")
    assay.must("zdr.status", holder, step="the key works", org=org)
    assay.revoke(org, holder, step="revoke the key")
    for name in ("zdr.status", "policy_limits.read", "models.list"):
        if assay.offers(name):
            assay.attempt(name, holder, step="revoked key", org=org, weigh="answer")
    assay.infer(holder, Stimulus(), step="revoked key", counts=False)
    for other in in_the_other_header(holder):
        assay.infer(other, Stimulus(), step="revoked key", counts=False)
    assay.call("zdr.status", org.member, step="the user's other key", org=org)


@scenario()
def members_reach_for_more(assay: Assay) -> None:
    """A member calls what is reserved to admins and provider staff"""
    org = assay.fresh()
    for name, spec in assay.profile.operations.items():
        if spec.by in ("member", "anybody") or not assay.offers(name):
            continue
        known: dict[str, Any] = {"user": org.member.user, "settings": {}, "seconds": 1, "status": 500, "amount": "100"}
        assay.attempt(name, org.member, step="member calls", org=org, _made_up="none", **known)
    assay.infer(org.member, Stimulus(), step="the member's key works", counts=False)


@scenario()
def tenants_reach_across(assay: Assay) -> None:
    """Identifiers of one organization used by others, one of them of the same account"""
    others = [assay.other("neighbour"), *([assay.others["sibling"]] if "sibling" in assay.others else [])]
    with suppress(NotOffered):  # another customer's users have addresses of the same domain
        assay.fresh(step="create a stranger", account=assay.elsewhere)
    org = assay.fresh()
    owned: dict[str, Any] = {"settings": {"cleanupPeriodDays": 9}, "user": org.member.user, "amount": "0", "_made_up": "none"}
    for name, spec in assay.profile.operations.items():
        if spec.by not in ("member", "admin") or "org" not in names([spec.path, spec.query, spec.body]) or not assay.offers(name):
            continue
        owner = org.admin if spec.by == "admin" else org.member
        for other in others:
            if "admin" in other.actors:
                assay.attempt(name, other.admin, step="across", org=org, **owned)
        needed = names([spec.path, spec.query, spec.body]) - GIVEN - {"marker", "canary"}
        if not spec.changes and needed <= owned.keys():  # what names a thing that is made up gives nothing
            assay.call(name, owner, step="own", org=org, **owned)
    for name, feature in assay.profile.features.items():
        known: dict[str, object] = {}
        for reply in assay.use_feature(name, org.member, step="own", counts=False):
            known |= {k: v for k, v in reply.values.items() if not k.startswith("_")}
        if known:
            readers = [e for e in feature.endpoints if not e.carries and names([e.path, e.query, e.body]) & known.keys()]
            for other in others:
                assay.use_feature(name, other.member, step="across", values=known, only=readers.__contains__)
