"""Features that need storage, tried by the control organization (where they must work) and by the subject (where they must be refused)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

from zdr_audit.profile.operation import FeatureEndpoint
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.bypass.drive import lists, send_at_once, send_forms
from zdr_audit.suite.bypass.load import shipped
from zdr_audit.suite.bypass.shape import stranger
from zdr_audit.suite.hands import Reply, ScenarioBroken
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.openapi import declared_storage_operations, declares_storage
from zdr_audit.suite.party import Actor, NotOffered, Party, at_will, not_offered
from zdr_audit.suite.policy_error import ROLE
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.template import names

ENOUGH = 6
"""How often features are used at least, all endpoints of all features together."""
CURSORS = ("after_id", "before_id", "after", "starting_after", "cursor", "page_token")
"""By what a list is asked for from something on: a target takes the one that it knows."""
AT_ONCE = 12
"""How many ask for a feature at the same time."""


def _about(known: Set[str], endpoint: FeatureEndpoint) -> bool:
    """Whether an endpoint is about something that is known by these names."""
    return bool(names([endpoint.path, endpoint.query, endpoint.body]) & known)


def _main_about(known: Set[str], endpoint: FeatureEndpoint) -> bool:
    return not endpoint.helper and _about(known, endpoint)


def _use(assay: Assay, name: str) -> None:
    """A target with few endpoints is asked more than once, so that there is enough to judge."""
    endpoints = sum(len(feature.endpoints) for feature in assay.profile.features.values()) or 1
    for again in range(-(-ENOUGH // endpoints)):
        assay.use_feature_both(name, step=f"use again, {again + 1}" if again else "use")
    first = assay.feature(name).first
    for role in sorted(assay.subject.actors.keys() - {"member"}):  # some targets let the owner of an organization through
        assay.use_feature(name, assay.subject.actor(role), step="use", only=lambda e: e is first, labels={ROLE: role})


@scenario()
def web_sessions(assay: Assay) -> None:
    """Claude Code on the web is used"""
    _use(assay, "web_sessions")


@scenario()
def remote_sessions(assay: Assay) -> None:
    """Remote sessions are used"""
    _use(assay, "remote_sessions")


@scenario()
def feedback(assay: Assay) -> None:
    """Feedback is submitted"""
    _use(assay, "feedback")


@scenario()
def other_features(assay: Assay) -> None:
    """The other known features that need storage are used"""
    for name in assay.profile.other_features:
        _use(assay, name)


@scenario()
def declared_features(assay: Assay) -> None:
    """Features that only the interface document declares are used"""
    known = {(e.method, e.path) for f in assay.profile.features.values() for e in f.endpoints}
    document = assay.document("openapi.read", step="read the interface document")
    if not declares_storage(document):
        said = "the interface document marks no operation as needing storage (x-zdr-requires-storage)"
        raise not_offered(assay.profile, "openapi.storage", said)
    for number, operation in enumerate(declared_storage_operations(document, known)):
        pair = f"{assay.scenario}/declared/{number}"
        for party in (assay.control, assay.subject):
            assay.call_declared(operation, party.member, step="use", pair=pair, counts=party.key == "subject")


def _each(assay: Assay) -> int:
    """At how many endpoints each form is tried."""
    return assay.count(1, 2, 1_000)


@scenario()
def clients_that_claim_things(assay: Assay) -> None:
    """Feature requests whose headers claim to be allowed, many at the same time"""
    send_forms(assay, shipped("claim"), _each(assay), workers=AT_ONCE)
    send_at_once(assay, shipped("claim"), AT_ONCE)


@scenario()
def detours_to_features(assay: Assay) -> None:
    """Feature requests by other path forms and methods, and through other endpoints"""
    send_forms(assay, shipped("path", "method", "indirect"), _each(assay))


@scenario()
def bodies_in_other_forms(assay: Assay) -> None:
    """Feature requests whose bodies are typed, encoded and framed otherwise"""
    send_forms(assay, shipped("body"), _each(assay), further=2)


@scenario()
def headers_that_conflict(assay: Assay) -> None:
    """Feature requests with doubled and conflicting headers"""
    send_forms(assay, shipped("header"), _each(assay))


@scenario()
def every_credential(assay: Assay) -> None:
    """Feature requests by every credential of the organization, in every header that takes one"""
    send_forms(assay, shipped("credential"), 2 * _each(assay))


@scenario()
def unusual_connections(assay: Assay) -> None:
    """Feature requests by HTTP/1.0, pipelined, upgraded, and on connections that others have used"""
    send_forms(assay, shipped("connection"), _each(assay))


ASKED_WITHIN, ASKED_WITHOUT = "ask in what was begun before", "ask in what never was"


def _ask_within(assay: Assay, by: Actor, feature: str, known: Mapping[str, object]) -> None:
    """Inference that names, as its session, what was begun of a feature, after such as names what never was: where requests have a place for a session at
    all, and the target says that features are blocked (else naming one may be a use of it, which leaves the promise)."""
    if assay.profile.target.enforcement == "leaves_promise":
        return
    endpoints = assay.feature(feature).endpoints
    ids = {name for e in endpoints for name in (*names([e.path, e.query, e.body]), e.creates)}
    for called in dict.fromkeys(str(value) for name, value in known.items() if name in ids and value):
        # Two of these, so that what keeps every other request is not taken for one that goes by the session.
        for step, name in ((ASKED_WITHOUT, stranger(called)), (ASKED_WITHOUT, stranger(called)), (ASKED_WITHIN, called)):
            if name.isascii() and name.isprintable() and (session := assay.session(name)) is not None:
                # A target may follow it by the header, by what is said of the user, or wherever else a client names its session.
                said = Stimulus(session=session, places=frozenset({"message", "user_id"}))
                assay.infer(by, said, step=step, counts=False, labels={"begun": feature})


@scenario()
def a_session_begun_before(assay: Assay) -> None:
    """A session is begun, then ZDR is enabled, then the session goes on"""
    org = assay.fresh()
    known: dict[str, object] = {}
    for reply in assay.use_feature("remote_sessions", org.member, step="begin", counts=False):
        known |= {k: v for k, v in reply.values.items() if not k.startswith("_")}
    org = assay.enable(org)
    assay.use_feature("remote_sessions", org.member, step="go on", values=known, only=lambda e: e.name != "create")


Begun = Mapping[str, dict[str, object]]
"""By feature: what its answers gave, such as the id of what was begun."""


def _begin(assay: Assay, org: Party, step: str, only: Callable[[FeatureEndpoint], bool] | None = None) -> Begun:
    begun: dict[str, dict[str, object]] = {}
    for name in assay.profile.features:
        known: dict[str, object] = {}
        for reply in assay.use_feature(name, org.member, step=step, counts=False, only=only):
            known |= {k: v for k, v in reply.values.items() if not k.startswith("_")}
        begun[name] = known
    return begun


@scenario()
def everything_begun_before(assay: Assay) -> None:
    """Every feature is used, then ZDR is enabled, then what was begun is gone on with, what never was is asked for, and a new member tries all

    Inference names what was begun, too, as its session. Once more for what is begun while ZDR is off for a time.
    """
    org = assay.fresh()
    begun = _begin(assay, org, "before")
    org = assay.enable(org)
    for name, known in begun.items():
        if not known:
            continue
        strangers = {key: stranger(str(value)) for key, value in known.items()}
        for step, values in (("existing", known), ("missing", strangers)):
            assay.use_feature(name, org.member, step=step, values=values, only=partial(_about, known.keys()))
            conditional = values | {"_headers": _if_it_changed()}
            assay.use_feature(name, org.member, step=f"{step}, if it changed", values=conditional, only=partial(_read_about, known.keys()))
        for identity in sorted({str(value) for value in known.values()}):
            behind = {"_query": dict.fromkeys(CURSORS, identity)}
            assay.use_feature(name, org.member, step="existing, from there on", values=behind, only=lists)
        _ask_within(assay, org.member, name, known)
    newcomer = assay.add_member(org, step="a member comes", role="newcomer").actor("newcomer")
    for name in begun:
        assay.use_feature(name, newcomer, step="newcomer", only=lambda e: e.begins)
    with suppress(NotOffered, ScenarioBroken):  # where ZDR cannot be disabled, or not be enabled again, there is no time between
        _go_on_with_what_was_begun_between(assay, org)


def _read_about(known: Set[str], endpoint: FeatureEndpoint) -> bool:
    return endpoint.method == "GET" and _about(known, endpoint)


def _if_it_changed() -> dict[str, str]:
    """What a client says that holds a copy, whichever of it a target looks at: any state of it will do, and so will one as of now."""
    return {"if-none-match": "*", "if-modified-since": format_datetime(datetime.now(UTC), usegmt=True)}


def _go_on_with_what_was_begun_between(assay: Assay, org: Party) -> None:
    assay.provide("zdr.disable", step="disable for a time", org=org)
    begun = _begin(assay, org.under("standard"), "between", only=lambda e: e.begins)
    org = assay.enable(org, step="enable again")
    for name, known in begun.items():
        assay.use_feature(name, org.member, step="existing from between", values=known, only=partial(_main_about, known.keys()))


@scenario()
def policy_limits(assay: Assay) -> None:
    """Clients read what they are allowed"""
    for party in (assay.subject, assay.control):
        assay.call("policy_limits.read", party.member, step=f"{party.key} reads", counts=party.key == "subject")


@scenario()
def limits_across_a_switch(assay: Assay) -> None:
    """Clients poll what they are allowed before ZDR is enabled, under it, and after it was disabled"""

    def read(party: Party, step: str, before: Reply | None) -> Reply:
        if before is not None:
            assay.poll("policy_limits.read", party.member, before, step=f"{step}, asked as a poll")
        return assay.call("policy_limits.read", party.member, step=step)

    with at_will():  # where no organizations are made, what is said to those of the profile is all that can be judged
        org = assay.fresh()
        dated = assay.call("policy_limits.read", assay.subject.member, step="limits of long ago").interaction.validators
        tick = 1.1 if {"last-modified", "fresh"} & dated.keys() else 0.0  # a date tells one second from the next
        assay.pause(tick)
        before = read(org, "limits before", None)
        org = assay.enable(org)
        assay.pause(tick)
        under = read(org, "limits under ZDR", before)
        assay.call("zdr.disable", assay.doer("zdr.disable"), step="disable", org=org)
        read(org, "limits afterwards", under)
