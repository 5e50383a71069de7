"""A known sequence of enablement actions, refused ones too, in organizations made for the run; then the log is read by many."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from zdr_audit.suite.assay import ACTIONS, Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, NotOffered, Party, at_will

TRIES = 2
ODD_BODIES = {"no body": b"", "a body that breaks off": b'{"reference": "zdr'}
"""Of refused attempts: what was asked cannot be read, and it was refused all the same."""


def odd_reference() -> str:
    """One in letters and signs that some write otherwise than others: what is digested, compared or stored must be the reference itself."""
    return f"zdrref-{secrets.token_hex(6)} Größe 東京 🔒 <b>&'\"\\"


def _act(assay: Assay, kind: str, org: Party, by: Actor | None = None, **values: Any) -> Any:
    """One action that must leave an entry; gives the request that it made."""
    return assay.act(kind, org, by, **values).values.get("request")


def _refused(assay: Assay, kind: str, org: Party, by: Actor | None = None, **values: Any) -> None:
    """One action that is refused, and once more: whoever tries twice has two entries, and a log that merges what repeats itself tells of one."""
    for _ in range(TRIES):
        _act(assay, kind, org, by, **values)


def _request(assay: Assay, org: Party) -> Any:
    """A request that the later actions are about. Raises ScenarioBroken where none was made: they would be about nothing."""
    request = _act(assay, "requested", org)
    if request is None:
        raise ScenarioBroken("the request for ZDR was not accepted, so there is nothing to review")
    return request


def _reviewed_and_enabled(assay: Assay, org: Party) -> None:
    """One request is rejected, another one approved and enabled."""
    first = _request(assay, org)
    apart = assay.separate("zdr.enable")
    if apart:
        _refused(assay, "enabled", org, request=first)  # refused: not reviewed
    if rejects := assay.offers("zdr.reject"):
        _act(assay, "rejected", org, request=first)
        if not apart:
            _refused(assay, "approved", org, request=first)  # refused: rejected
    _refused(assay, "requested", org, org.admin)  # refused: a customer
    second = _request(assay, org) if rejects else first
    _refused(assay, "approved", org, assay.doer("zdr.request"), request=second)  # refused: its own request
    _act(assay, "approved", org, request=second)
    if apart:
        _act(assay, "enabled", org, request=second)


def _approved_at_once_and_enabled(assay: Assay, org: Party) -> None:
    """A request that is approved by the answer to it is enabled; one that was used before is tried again."""
    first = _request(assay, org)
    _refused(assay, "enabled", org, assay.doer("zdr.request"), request=first)  # refused: its own request
    _act(assay, "enabled", org, request=first)
    _act(assay, "disabled", org)
    _refused(assay, "requested", org, org.admin)  # refused: a customer
    _refused(assay, "enabled", org, request=first)  # refused: used up
    _act(assay, "enabled", org, request=_request(assay, org))


@scenario()
def enablement_actions(assay: Assay) -> None:
    """Enablement actions, successful and refused"""
    org = assay.fresh()
    if assay.separate("zdr.approve"):
        _reviewed_and_enabled(assay, org)
    else:
        _approved_at_once_and_enabled(assay, org)
    _refused(assay, "disabled", org, org.member)  # refused: a customer
    if assay.profile.operations[ACTIONS["disabled"]].body is not None:
        for odd, body in ODD_BODIES.items():
            assay.act("disabled", org, org.member, labels={"odd": odd}, _body=body)
    colleague = None
    with suppress(NotOffered):  # refused: another of the same role, so that it shows who is named
        colleague = assay.add_member(org, step="a colleague comes", role="colleague").actor("colleague")
        _refused(assay, "disabled", org, replace(colleague, role="member"))
    _act(assay, "disabled", org)
    log = assay.list_all("audit.list", org.admin, step="own log", org=org, counts=False)
    assay.logs_to_read_again.note(org.admin, org)
    _entry_by_entry(assay, org, log.items)
    if colleague is not None:
        with suppress(NotOffered):  # whoever leaves stays in the log what they were
            assay.revoke(org, colleague, step="the colleague leaves")
    _page_by_page(assay, org)
    for label, actor in (
        ("neighbour's admin", assay.other("neighbour").admin),
        ("control's admin", assay.control.admin),
        ("own member", org.member),
    ):
        assay.list_all("audit.list", actor, step=f"read by {label}", org=org, counts=False)
        if assay.offers("audit.entry") and log.items:
            assay.call("audit.entry", actor, step=f"read by {label}, one entry", org=org, entry=log.items[0]["id"])


def _entry_by_entry(assay: Assay, org: Party, entries: Iterable[Any]) -> None:
    """One entry of each enablement action and outcome is read by its id, by whoever read it in the list."""
    types = assay.profile.audit_types
    if types is None or not assay.offers("audit.entry"):
        return
    acted = {types.denied, *(getattr(types, kind) for kind in ACTIONS)}
    known = [entry for entry in entries if entry.get("type") in acted and entry.get("id") is not None]
    for entry in {(entry["type"], str(entry.get("outcome"))): entry for entry in known}.values():
        assay.call("audit.entry", org.admin, step="own log, one entry", org=org, labels={"entry": str(entry["id"])}, entry=entry["id"])


def _page_by_page(assay: Assay, org: Party) -> None:
    """The same log in pages of a few entries, where the profile says how a page's size is asked for."""
    page = assay.profile.operations["audit.list"].page
    if page is not None and page.size is not None:
        assay.list_all("audit.list", org.admin, step="own log, page by page", org=org, _query={page.size: "3"})


@scenario()
def the_same_reference_again(assay: Assay) -> None:
    """A request that was rejected is made again under its reference; and one under a reference of its own"""
    with at_will():
        assay.needs("zdr.request", "zdr.reject", "audit.list")
        org, reference = assay.fresh(), f"zdrref-{secrets.token_hex(6)}"
        told: list[dict[str, Any]] = [{"marker": reference}, {"marker": reference}, {}]  # the last is looked for where a log is late
        for own in told:
            asked = assay.call("zdr.request", assay.doer("zdr.request"), step="ask under one reference", org=org, **own)
            assay.call("zdr.reject", assay.doer("zdr.reject"), step="reject it", org=org, request=asked.values.get("request"))
        assay.list_all("audit.list", org.admin, step="log of one reference", org=org)


@scenario()
def refusals_of_the_ineligible(assay: Assay) -> None:
    """The request of an organization that is not eligible is reviewed"""
    with at_will():
        org = assay.fresh(operation="organization.create_ineligible")
        request = _act(assay, "requested", org)
        if request is not None:
            for kind in (kind for kind in ("approved", "enabled") if assay.separate(ACTIONS[kind])):
                _act(assay, kind, org, request=request)
        assay.list_all("audit.list", org.admin, step="own log", org=org)


@scenario()
def a_closed_organization_is_acted_on(assay: Assay) -> None:
    """Enablement actions on an organization that was closed, refused for that"""
    with at_will():
        assay.needs("organization.delete", "audit.list")
        org = assay.fresh()
        request = _request(assay, org)
        assay.provide("organization.delete", step="close the organization", org=org, organization=org.id)
        for kind in (*(("approved", "rejected") if assay.separate("zdr.approve") else ("enabled",)), "disabled", "requested"):
            _act(assay, kind, org, request=request)
        for reader in assay.staff_actors.values():
            if assay.call("audit.list", reader, step="may it be read", org=org).accepted:
                assay.list_all("audit.list", reader, step="own log", org=org)
                return
        raise NotOffered("nobody of the provider may read the log of an organization that was closed")


@scenario()
def a_migration_is_logged(assay: Assay) -> None:
    """A migration, for its entry"""
    org = assay.fresh(operation="organization.create_api_zdr")
    _act(assay, "migrated", org, org.admin)  # refused: a customer
    _act(assay, "migrated", org)
    assay.list_all("audit.list", org.admin, step="own log", org=org)
    assay.logs_to_read_again.note(org.admin, org)


@scenario()
def tampering_is_tried(assay: Assay) -> None:
    """Every role tries to change and delete an entry"""
    org = assay.fresh()
    assay.provide("zdr.request", step="request", org=org)
    before = assay.list_all("audit.list", org.admin, step="before", org=org)
    if not before.items:
        raise ScenarioBroken("the audit log shows nothing of the request for ZDR, so there is no entry to tamper with")
    entry = before.items[0]["id"]
    assay.must("audit.entry", org.admin, step="the entry is there", org=org, entry=entry)
    actors = [org.admin, *assay.staff_actors.values()]
    for actor in actors:
        for method in ("DELETE", "PUT", "PATCH", "POST"):
            values = {"_method": method, "_body": b'{"outcome": "success", "type": "nothing"}'}
            assay.attempt("audit.entry", actor, step="tamper", org=org, entry=entry, **values)
    assay.list_all("audit.list", org.admin, step="after", org=org)


# Each round: what is done first, one after the other, and what sixteen then do at once.
ROUNDS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("requested",), ("approved", "approved", "rejected", "rejected", "enabled", "status")),
    (("disabled", "requested", "approved"), ("enabled", "status", "use", "status", "use", "customer")),
    ((), ("status", "use", "requested", "customer")),
    ((), ("disabled", "status", "use", "enabled", "requested")),
    ((), ("requested", "approved", "enabled", "status", "use")),
)
LOOKS = ("status", "use")
ADMINISTRATORS = 16
REVIEWERS = ("approved", "rejected", "approved", "rejected")


@scenario()
def administrators_at_once(assay: Assay) -> None:
    """Reviewers decide at the same moment; sixteen administrators act on the same organization at the same time, round after round"""
    for _ in range(assay.count(1, 1, 8)):
        org = assay.fresh(account=assay.elsewhere)
        board = [_request(assay, org)]
        for _ in range(assay.count(3, 3, 8) if assay.separate("zdr.approve") else 0):
            board += filter(None, [_decided_at_once(assay, org, board[-1])])
        for number in range(assay.count(5, 10, 40)):
            first, kinds = ROUNDS[number % len(ROUNDS)]
            if not assay.separate("zdr.enable"):
                first, kinds = _by_approval(first, kinds)
            left_out = _not_done_here(assay)
            first, kinds = (tuple(k for k in steps if k not in left_out) for steps in (first, kinds))
            for kind in first:
                board += filter(None, [_at_once(assay, org, kind, board[-1])])
            chosen = [*kinds, *assay.random.choices(kinds, k=ADMINISTRATORS - len(kinds))]
            assay.random.shuffle(chosen)
            # In every other round the looks are under way when the changes come, and in the others they come after them.
            looks_last = number % 2 == 0
            chosen.sort(key=partial(_turn, looks_last))
            jobs = [partial(_at_once, assay, org, kind, board[-1 if assay.random.random() < 0.8 else 0]) for kind in chosen]
            board += filter(None, assay.parallel(jobs, ADMINISTRATORS))
        _looked_at_meanwhile(assay, org, board)
        assay.list_all("audit.list", org.admin, step="own log", org=org)


def _not_done_here(assay: Assay) -> tuple[str, ...]:
    """What reviewers do elsewhere, and not at this target: they decide nothing, or cannot say no."""
    if not assay.separate("zdr.approve"):
        return REVIEWERS
    return () if assay.offers("zdr.reject") else ("rejected",)


def _looked_at_meanwhile(assay: Assay, org: Party, board: list[Any]) -> None:
    """ZDR is enabled, and disabled, each while one look of each kind is under way, and looked at again right afterwards: what was found before a change must
    not be what is remembered after it."""
    before, enabling = ["disabled", "requested"], "approved"
    if assay.separate("zdr.enable"):
        before, enabling = [*before, *(["approved"] if assay.separate("zdr.approve") else [])], "enabled"
    for kind in before:
        board += filter(None, [_at_once(assay, org, kind, board[-1])])
    for change in (enabling, "disabled"):
        assay.together([partial(_at_once, assay, org, kind, board[-1]) for kind in (*LOOKS, change)])
        for look in LOOKS:
            _at_once(assay, org, look, board[-1])


def _by_approval(first: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A round where the approval enables: what would be approved beforehand is approved in the round."""
    return tuple(k for k in first if k != "approved"), tuple("approved" if k == "enabled" else k for k in kinds)


def _turn(looks_last: bool, kind: str) -> bool:
    return (kind in LOOKS) == looks_last


def _decided_at_once(assay: Assay, org: Party, request: Any) -> Any:
    """Reviewers decide the same request, at the same moment, in either way; gives the request that is made afterwards."""
    kinds = [kind for kind in REVIEWERS if kind not in _not_done_here(assay)]
    assay.together([partial(_at_once, assay, org, kind, request) for kind in kinds])
    # What is approved would stand in the next one's way.
    for kind in ("enabled", "disabled") if assay.separate("zdr.enable") else ("disabled",):
        _at_once(assay, org, kind, request)
    return _at_once(assay, org, "requested", request)


def _at_once(assay: Assay, org: Party, kind: str, request: Any) -> Any:
    """One action, or one look at the state; gives the request that it made."""
    match kind:
        case "status":
            assay.call("zdr.status", org.admin, step="look", org=org)
        case "use":
            name, spec = next(iter(assay.profile.features.items()))
            assay.use_feature(name, org.under("none").member, step="look", counts=False, only=lambda e: e is spec.first)
        case "requested":
            return _act(assay, kind, org)
        case "disabled":
            _act(assay, kind, org)
        case "customer":
            _act(assay, assay.profile.enabling[1], org, org.admin, request=request)
        case _:
            _act(assay, kind, org, request=request)
    return None


@scenario(last=True)
def logs_after_all_the_traffic(assay: Assay) -> None:
    """The logs of subject and control organization, after all stimuli; those of some others once more, or for the first time

    Once more: of organizations that were disabled, migrated or closed. For the first time: where enablement was tried and nobody has looked.
    """
    for party in (assay.subject, assay.control):
        assay.list_all("audit.list", party.admin, step=f"{party.key} log", org=party, counts=True)
    org = assay.fresh()
    assay.provide("zdr.request", step="a reference to be found again", org=org)
    assay.list_all("audit.list", org.admin, step="reference log", org=org)
    with suppress(NotOffered):  # a target may well refuse it, or write it otherwise: then its entry must be true to what it wrote
        odd = assay.fresh()
        assay.call("zdr.request", assay.doer("zdr.request"), step="a reference in odd letters", org=odd, marker=odd_reference())
        assay.list_all("audit.list", odd.admin, step="log with a reference in odd letters", org=odd)
    for reader, party in assay.logs_to_read_again.settled(assay.profile.limits.settle_seconds, assay.pause):
        assay.list_all("audit.list", reader, step="read again", org=party)
