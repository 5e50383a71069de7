"""The way to ZDR and back, each in an organization made for the run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from zdr_audit.suite.assay import IN_THE_OTHER_HEADER, Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.histories import machine, walks
from zdr_audit.suite.histories.play import DAY, told_at_first
from zdr_audit.suite.inference import Conversation, How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, NotOffered, Party, in_the_other_header
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.template import names


def feature_of(assay: Assay) -> str:
    """The feature used as a probe: the first that the profile names."""
    return next(iter(assay.profile.features))


def probe(assay: Assay, party: Party, step: str, *, counts: bool = False) -> None:
    """One feature attempt, main endpoints only."""
    assay.use_feature(feature_of(assay), party.member, step=step, counts=counts, only=lambda e: not e.helper)


def begin_each(assay: Assay, party: Party, step: str, names: Iterable[str]) -> None:
    """What each of these features is begun with: each may have a switch of its own."""
    for name in names:
        first = assay.feature(name).first
        assay.use_feature(name, party.member, step=step, counts=False, only=lambda e, first=first: e is first)  # type: ignore[misc]


@scenario()
def the_way_to_zdr(assay: Assay) -> None:
    """Request, review, enabling"""
    org, apart, reviewed = assay.fresh(), assay.separate("zdr.enable"), assay.separate("zdr.approve")
    asked = assay.attempt("zdr.request", assay.doer("zdr.request"), step="request", org=org)
    request = asked.values.get("request", "none")
    if apart and reviewed:
        assay.attempt("zdr.approve", assay.doer("zdr.approve"), step="approve", org=org, request=request)
    before = assay.call("zdr.status", org.admin, step="status before", org=org)
    enabling, _ = assay.profile.enabling
    assay.attempt(enabling, assay.doer(enabling), step="enable" if apart else "approve", org=org, request=request)
    assay.poll("zdr.status", org.admin, before, step="poll after", org=org)
    assay.call("zdr.status", org.admin, step="status after", org=org, counts=not (apart and reviewed))


def _customers(assay: Assay, *parties: Party) -> list[Actor]:
    """Members and admins of these organizations, and of one that another customer has."""
    apart = (assay.elsewhere,) if assay.elsewhere is not assay.subject else ()
    return [party.actor(role) for party in (*parties, *apart) for role in ("member", "admin") if role in party.actors]


def _read_its_log_at_last(assay: Assay, org: Party) -> None:
    """Nobody looks into its audit log now: what was tried must stand in it when all is over."""
    if assay.offers("audit.list"):
        assay.logs_to_read_again.note(org.admin, org)


@scenario()
def customers_try_to_enable(assay: Assay) -> None:
    """Customer roles try to request, review and enable: those of the organization, of another one of the account and of another customer"""
    org = assay.fresh()
    customers = _customers(assay, org, assay.subject)  # which is of the same account, and has nothing to gain here
    for actor in customers:
        assay.attempt("zdr.request", actor, step="customer requests", org=org)
    request = assay.provide("zdr.request", step="request", org=org).values["request"]
    for actor in customers if assay.separate("zdr.approve") else ():
        assay.attempt("zdr.approve", actor, step="customer approves", org=org, request=request)
    if assay.separate("zdr.enable"):
        assay.review(org, request)
        for actor in customers:
            assay.attempt("zdr.enable", actor, step="customer enables", org=org, request=request)
    assay.call("zdr.status", org.admin, step="status", org=org)
    enabling, _ = assay.profile.enabling
    assay.provide(enabling, step="enable", org=org, request=request)
    _read_its_log_at_last(assay, org)


@scenario()
def enabling_without_review(assay: Assay) -> None:
    """Enabling before review, after a rejection, for an organization that is not eligible"""
    if not assay.separate("zdr.approve"):
        _enabling_what_is_used_up(assay)
    elif assay.separate("zdr.enable"):
        _enabling_unreviewed(assay)
    else:
        _approving_too_late(assay)
    enabling, _ = assay.profile.enabling
    if assay.offers("organization.create_ineligible"):
        other = assay.fresh(operation="organization.create_ineligible")
        asked = assay.call("zdr.request", assay.doer("zdr.request"), step="request for the ineligible", org=other)
        if asked.accepted:
            request = asked.values["request"]
            if assay.separate("zdr.enable") and assay.separate("zdr.approve"):
                assay.call("zdr.approve", assay.doer("zdr.approve"), step="approve the ineligible", org=other, request=request)
            assay.attempt(enabling, assay.doer(enabling), step="enable the ineligible", org=other, request=request)
        assay.call("zdr.status", other.admin, step="status", org=other)
        _read_its_log_at_last(assay, other)
    _under_a_contract(assay)


def _under_a_contract(assay: Assay) -> None:
    """ZDR that comes by contract is for organizations of one product: what creates such a one is asked for another product."""
    operations = assay.profile.operations
    plain, born = operations.get("organization.create"), operations.get("organization.create_api_zdr")
    if plain is None or born is None or (plain.method, plain.path) != (born.method, born.path) or not (plain.body and born.body):
        return
    more = {name: value for name, value in born.body.items() if name not in plain.body}  # what the contract says beyond the product

    def of_another_product(body: bytes | None, headers: dict[str, str]) -> tuple[bytes | None, dict[str, str]]:
        return json.dumps({**json.loads(body or b"{}"), **more}).encode(), headers

    if more and not any(names(value) for value in more.values()):
        with suppress(NotOffered, ScenarioBroken):  # a target that refuses it has done right
            made = assay.fresh(step="create another product under a contract", _reshape=of_another_product)
            assay.call("zdr.status", made.admin, step="status under a contract", org=made)


def _enabling_unreviewed(assay: Assay) -> None:
    enabler = assay.doer("zdr.enable")
    # Beside it stands another organization of the account, whose request is approved and waits; later it has ZDR.
    beside = assay.fresh()
    filed = assay.provide("zdr.request", step="request beside", org=beside)
    waiting, marker = filed.values["request"], filed.interaction.labels.get("marker")
    ticket: dict[str, Any] = {"marker": marker} if marker else {}
    assay.provide("zdr.approve", step="approve beside", org=beside, request=waiting, **ticket)
    org = assay.fresh()
    request = assay.provide("zdr.request", step="request", org=org).values["request"]
    assay.attempt("zdr.enable", enabler, step="enable before review", org=org, request=request)
    assay.provide("zdr.enable", step="enable beside", org=beside, request=waiting)
    assay.provide("zdr.reject", step="reject", org=org, request=request)
    assay.attempt("zdr.enable", enabler, step="enable after rejection", org=org, request=request)
    if ticket:  # under one reference several requests may be filed, and each needs a review
        asked = assay.call("zdr.request", assay.doer("zdr.request"), step="request under an approved reference", org=org, **ticket)
        if asked.accepted and asked.values["request"] != waiting:  # else the reference was taken for the same request, sent twice
            assay.attempt("zdr.enable", enabler, step="enable before review", org=org, request=asked.values["request"])
    for further in sorted(name for name in assay.profile.operations if name.startswith("zdr.request.")):
        with suppress(NotOffered):  # a form of the request that the profile names beside the usual one: urgent, say
            another = assay.fresh(step="create one for another form of request")
            asked = assay.call(further, assay.doer(further), step="request in another form", org=another)
            if asked.accepted:
                assay.attempt("zdr.enable", enabler, step="enable before review", org=another, request=asked.values["request"])
    assay.call("zdr.status", org.admin, step="status", org=org)
    _read_its_log_at_last(assay, org)


def _enabling_what_is_used_up(assay: Assay) -> None:
    """Where requests are approved at once, what is left to try is a request that was made for nothing yet: of another organization, of nobody, and one whose
    ZDR was disabled again; this one also while a further request waits."""
    enabler = assay.doer("zdr.enable")
    beside, org = assay.fresh(), assay.fresh()
    waiting = assay.provide("zdr.request", step="request beside", org=beside).values["request"]
    assay.attempt("zdr.enable", enabler, step="enable without a request", org=org, request="none")
    used = assay.provide("zdr.request", step="request", org=org).values["request"]
    assay.provide("zdr.enable", step="enable", org=org, request=used)
    assay.provide("zdr.disable", step="disable", org=org)
    assay.attempt("zdr.enable", enabler, step="enable by what is used up", org=org, request=used)
    assay.provide("zdr.enable", step="enable beside", org=beside, request=waiting)
    assay.provide("zdr.disable", step="disable beside", org=beside)
    assay.provide("zdr.request", step="request beside again", org=beside)
    assay.attempt("zdr.enable", enabler, step="enable by what is used up", org=beside, request=waiting)
    for party in (org, beside):
        assay.call("zdr.status", party.admin, step="status", org=party)
        _read_its_log_at_last(assay, party)


def _approving_too_late(assay: Assay) -> None:
    """Where the approval enables, what is left to try is to approve what was rejected: at once, and when a further request waits, or was rejected, too."""
    org, reviewer = assay.fresh(), assay.doer("zdr.approve")
    first = assay.provide("zdr.request", step="request", org=org).values["request"]
    assay.provide("zdr.reject", step="reject", org=org, request=first)
    assay.attempt("zdr.approve", reviewer, step="enable after rejection", org=org, request=first)
    second = assay.provide("zdr.request", step="request again", org=org).values["request"]
    assay.attempt("zdr.approve", reviewer, step="enable after rejection", org=org, request=first)
    assay.provide("zdr.reject", step="reject again", org=org, request=second)
    assay.attempt("zdr.approve", reviewer, step="enable after rejection", org=org, request=second)
    assay.call("zdr.status", org.admin, step="status", org=org)
    _read_its_log_at_last(assay, org)


@scenario()
def the_moment_of_enabling(assay: Assay) -> None:
    """Prompts and feature calls right before and right after enabling, on the same connection and in the same session

    By members who came before the request, during the review and afterwards.
    """
    org = assay.fresh()
    open_session = Stimulus(session=assay.session("zdr-audit-open-session"))
    assay.infer(org.member, open_session, step="ask before", counts=False)
    talk = Conversation()
    assay.infer(org.member, Stimulus(cache=True, padding=18_000), step="ask before", counts=False, how=How(conversation=talk))
    probe(assay, org, "use before")
    others = _other_clients_before(assay, org)
    request = assay.provide("zdr.request", step="request", org=org).values["request"]
    org = assay.add_member(org, step="a member comes after the request", role="newcomer-requested")
    assay.review(org, request)
    if assay.separate("zdr.enable") and assay.separate("zdr.approve"):
        org = assay.add_member(org, step="a member comes after the approval", role="newcomer-approved")
    assay.enable_approved(org, request)
    org = org.under("zdr")
    assay.infer(org.member, open_session, step="ask after")
    probe(assay, org, "use after")
    # Of what is cached rightly, nothing new may go where it lies.
    talk = talk.under_another_promise()
    for stream in (False, True):
        assay.infer(org.member, Stimulus(cache=True, stream=stream), step="ask after", counts=False, how=How(conversation=talk))
    for stream in (True, False):
        assay.infer(org.member, Stimulus(session=assay.session("zdr-audit-open-session"), stream=stream), step="ask after")
        assay.infer(org.admin, Stimulus(stream=stream), step="ask after")
    begin_each(assay, org, "use after", assay.profile.features)
    _other_clients_after(assay, org, others)
    for role in [role for role in org.actors if role.startswith("newcomer")]:
        assay.infer(org.actor(role), Stimulus(), step="ask after")
        assay.use_feature(feature_of(assay), org.actor(role), step="use after", counts=False, only=lambda e: e.begins)
    newcomer = assay.add_member(org, step="a member comes after", role="newcomer").actor("newcomer")
    assay.infer(newcomer, Stimulus(), step="ask after")
    assay.use_feature(feature_of(assay), newcomer, step="use after", counts=False, only=lambda e: not e.helper)


def _other_clients_before(assay: Assay, org: Party) -> dict[str, Actor]:
    """Whoever asks after enabling asked before it: what a target remembers of a client, it learns when it first sees it. Gives the member's other
    credentials."""
    assay.infer(org.admin, Stimulus(), step="ask before", counts=False)
    others = assay.other_credentials(org, org.member, step="before")  # one that is taken in the other header has asked by that
    for name, actor in others.items():
        if name == IN_THE_OTHER_HEADER:
            assay.use_feature(feature_of(assay), actor, step="use before otherwise", counts=False, only=lambda e: e.begins)
        else:
            assay.infer(actor, Stimulus(stream=True), step="ask before", counts=False)
    return others


def _other_clients_after(assay: Assay, org: Party, others: Mapping[str, Actor]) -> None:
    for name, actor in others.items():
        client, told = replace(actor, content=org.content), {"with": name}
        for stream in (False, True) if name == IN_THE_OTHER_HEADER else (True,):
            assay.infer(client, Stimulus(stream=stream), step="ask after otherwise", counts=False, labels=told)
        if name == IN_THE_OTHER_HEADER:
            assay.use_feature(feature_of(assay), client, step="use after otherwise", counts=False, only=lambda e: e.begins, labels=told)


def _administer(assay: Assay, org: Party) -> None:
    """What an organization's admin does every day, as far as the profile has it: none of it is about ZDR."""
    if assay.offers("settings.write"):
        assay.call("settings.write", org.admin, step="administer", org=org, settings={"cleanupPeriodDays": 14})
    if assay.offers("cost.set"):
        assay.call("cost.set", org.admin, step="administer", org=org, user=org.member.user, amount="100000")
    if assay.offers("user.create") and assay.offers("key.create"):
        colleague = assay.add_member(org, step="administer", role="colleague").actor("colleague")
        made = assay.call("key.create", org.admin, step="administer", org=org, user=colleague.user)
        if assay.offers("key.revoke") and made.values.get("key_id"):
            assay.call("key.revoke", org.admin, step="administer", org=org, key_id=made.values["key_id"])


def _disable_during_an_answer(assay: Assay, org: Party) -> None:
    """ZDR is disabled while a stream that was begun under it is still coming; the label `during` says so."""
    begun = threading.Event()
    begins = Stimulus(stream=True, abandon_after=3_500)

    def disable() -> None:
        during = asks and begun.wait(assay.profile.limits.timeout_seconds)
        labels = {"during": "an answer"} if during else {}
        assay.attempt("zdr.disable", assay.doer("zdr.disable"), step="disable", org=org, labels=labels)

    def ask() -> None:
        try:
            assay.infer(org.member, begins, step="ask while it is disabled", counts=False, how=How(begun=begun))
        finally:
            begun.set()  # an answer that never began is not waited for

    asks = assay.can_say(begins)
    assay.parallel([ask, disable] if asks else [disable])


@scenario()
def disabling(assay: Assay) -> None:
    """Customers try to disable, and administer their organization; ZDR is asked for once more; the provider disables, and members of all times go on

    Then ZDR that was enabled once more is disabled, and that of an organization that was migrated.
    """
    org, beside = assay.enable(assay.fresh()), assay.fresh()
    _, *further = assay.profile.features  # the first is the probe
    begin_each(assay, beside, "use each before ZDR", further)
    beside = assay.enable(beside)
    for actor in _customers(assay, org, beside):
        assay.attempt("zdr.disable", actor, step="customer disables", org=org)
    _administer(assay, org)
    again = assay.attempt("zdr.request", assay.doer("zdr.request"), step="ask for it once more", org=org)
    if again.values.get("request") and assay.separate("zdr.approve"):  # where it is taken, to say no to it must take nothing away
        assay.attempt(
            "zdr.reject", assay.doer("zdr.reject"), step="reject what was asked once more", org=org, request=again.values["request"]
        )
    if not again.accepted:  # whether what is taken, and changes nothing, must have an entry is nowhere said
        _read_its_log_at_last(assay, org)
    assay.call("zdr.status", org.admin, step="status after customers", org=org, counts=True)
    probe(assay, org, "use while enabled")
    org = assay.add_member(beside, step="a member comes under ZDR", role="newcomer")
    _disable_during_an_answer(assay, org)
    org = assay.add_member(org.under("standard"), step="a member comes after disabling", role="latecomer")
    assay.call("zdr.status", org.admin, step="status after provider", org=org, counts=True)
    probe(assay, org, "use after disabling")
    begin_each(assay, org, "use each after disabling", further)
    for role in ("newcomer", "latecomer"):
        assay.use_feature(feature_of(assay), org.actor(role), step="use after disabling", counts=False, only=lambda e: e.begins)
    if assay.offers("policy_limits.read"):
        assay.call("policy_limits.read", org.actor("newcomer"), step="limits after disabling")
    _disable_in_other_cases(assay, org)


def _disable_in_other_cases(assay: Assay, org: Party) -> None:
    """However ZDR came to be on, the provider can disable it: where it was enabled once more, and where a migration kept it. That it can be enabled once
    more, and that it can be migrated, is for others to say."""
    with suppress(NotOffered, ScenarioBroken):
        _disable_anyhow(assay, assay.enable(org, step="enable once more"), "enabled once more")
    with suppress(NotOffered, ScenarioBroken):
        assay.needs("organization.create_api_zdr", "zdr.migrate")
        moved = assay.fresh(step="create one to be migrated", operation="organization.create_api_zdr").under("zdr")
        assay.provide("zdr.migrate", step="migrate one", org=moved)
        _disable_anyhow(assay, moved, "migrated")


def _disable_anyhow(assay: Assay, org: Party, came: str) -> None:
    told = {"came": came}
    assay.call("zdr.disable", assay.doer("zdr.disable"), step="disable in another case", org=org, labels=told, weigh="decision")
    assay.call("zdr.status", org.admin, step="status in another case", org=org, labels=told)


@scenario()
def migration(assay: Assay) -> None:
    """A pay-as-you-go ZDR organization moves to enterprise under traffic"""
    org = assay.fresh(operation="organization.create_api_zdr").under("zdr")
    for stream in (False, True):
        assay.infer(org.member, Stimulus(stream=stream), step="ask before")
    # Clients of every kind were there before, and go on.
    others = assay.taken_in_the_other_header(org.member, step="ask before")
    clients = (org.member, *others)
    revoked = assay.revoked_key(org)
    many = assay.count(6, 12, 60)
    jobs = [partial(assay.infer, clients[n // 2 % len(clients)], Stimulus(stream=bool(n % 2)), step="ask during") for n in range(many)]
    jobs.insert(many // 3, partial(assay.call, "zdr.migrate", assay.doer("zdr.migrate"), step="migrate", org=org))
    assay.parallel(jobs, workers=6)
    for stream in (False, True):
        assay.infer(org.member, Stimulus(stream=stream), step="ask after")
        for other in others:
            assay.infer(other, Stimulus(stream=stream), step="ask after otherwise", counts=False)
    if revoked is not None:
        for actor in (revoked, *in_the_other_header(revoked)):
            assay.attempt("zdr.status", actor, step="a key revoked before", org=org, weigh="answer")
    assay.call("zdr.status", org.admin, step="status after", org=org, counts=True)
    for operation in ("analytics.read", "audit.list"):
        if assay.offers(operation):
            assay.list_all(operation, org.admin, step="administration after", org=org)
    if assay.offers("settings.read"):
        assay.call("settings.read", org.member, step="administration after")


@scenario()
def the_account_team_on_its_own(assay: Assay) -> None:
    """The account team tries to review and enable its own request"""
    org = assay.fresh()
    team = assay.doer("zdr.request")
    request = assay.must("zdr.request", team, step="request", org=org).values["request"]
    if assay.separate("zdr.approve"):
        assay.attempt("zdr.approve", team, step="approve alone", org=org, request=request)
        org = assay.fresh()
        request = assay.must("zdr.request", team, step="request", org=org).values["request"]
    if assay.separate("zdr.enable"):
        assay.review(org, request)
        if assay.doer("zdr.enable") != team:  # else it is theirs to do, once somebody else has reviewed it
            assay.attempt("zdr.enable", team, step="enable alone", org=org, request=request)
    enabling, _ = assay.profile.enabling
    entitled = (team, assay.doer("zdr.approve"), assay.doer(enabling))
    for actor in assay.staff_actors.values():
        if actor not in entitled:
            assay.attempt(enabling, actor, step="enable as other staff", org=org, request=request)
    assay.provide(enabling, step="enable", org=org, request=request)


CHANGING = ("organization.create", "user.create", "key.create", "zdr.request", "zdr.approve", "zdr.reject", "zdr.enable", "zdr.disable")


def _changing(assay: Assay) -> list[str]:
    """What histories need that lead to ZDR and back. Where requests are approved at once there is nothing to reject."""
    return [name for name in CHANGING if name != "zdr.reject" or assay.separate("zdr.approve")]


@scenario()
def many_histories(assay: Assay) -> None:
    """Histories of administration and use: some go from change to change, so that each comes after each; others Hypothesis draws

    Of one that departs from the model a shorter one is looked for.
    """
    bounds = {"quick": machine.QUICK, "standard": machine.STANDARD, "thorough": machine.THOROUGH}[assay.depth]
    tour = {"quick": walks.QUICK, "standard": walks.STANDARD, "thorough": walks.THOROUGH}[assay.depth]
    told, changes = told_at_first(assay), all(assay.offers(name) for name in _changing(assay))
    if changes:
        walks.walk_through(assay, tour, told=told)
    machine.drive(assay, bounds, changes=changes, told=told)


@scenario(late=True)
def histories_through_time(assay: Assay) -> None:
    """Histories in which time passes and the service begins anew between changes; in the end everything of standard retention is past its time"""
    assay.needs(*_changing(assay), "clock.advance", "purge.run")
    bounds = {
        "quick": machine.QUICK_THROUGH_TIME,
        "standard": machine.STANDARD_THROUGH_TIME,
        "thorough": machine.THOROUGH_THROUGH_TIME,
    }[assay.depth]
    tour = {"quick": walks.QUICK_THROUGH_TIME, "standard": walks.STANDARD_THROUGH_TIME, "thorough": walks.THOROUGH_THROUGH_TIME}
    told = told_at_first(assay)
    if assay.offers("service.restart"):
        walks.walk_through(assay, tour[assay.depth], through_time=True, told=told)
    machine.drive(assay, bounds, changes=True, through_time=True, told=told)
    days = assay.profile.limits.standard_retention_days + 1
    assay.must("clock.advance", assay.staff("operator"), step="the standard period passes", seconds=days * DAY)
    assay.must("purge.run", assay.staff("operator"), step="what is due is purged")
