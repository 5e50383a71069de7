"""Organizations under one account, and what lies outside ZDR."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import Actor, NotOffered, Party, at_will
from zdr_audit.target.stimulus import Stimulus


def _look(assay: Assay, party: Party, step: str, right_after: Party | None = None) -> None:
    """Status, features and limits of an organization, as its people see them; each right after another organization has asked for the same."""
    if right_after is not None:
        assay.call("zdr.status", right_after.admin, step=f"before {step}: status", org=right_after)
    assay.call("zdr.status", party.admin, step=f"{step}: status", org=party, counts=True)
    for name in assay.profile.features:
        if right_after is not None:
            assay.use_feature(name, right_after.member, step=f"before {step}: features", counts=False, only=lambda e: e.begins)
        assay.use_feature(name, party.member, step=f"{step}: features", only=lambda e: not e.helper)
    if right_after is not None:
        _read_limits(assay, right_after, f"before {step}")
    _read_limits(assay, party, step)


def _read_limits(assay: Assay, party: Party, step: str) -> None:
    """What clients of an organization are told that they may do, where the target tells them."""
    if assay.offers("policy_limits.read"):
        assay.call("policy_limits.read", party.member, step=f"{step}: limits")


@scenario()
def a_new_organization_under_the_account(assay: Assay) -> None:
    """A new organization under the account of a ZDR organization"""
    _look(assay, assay.fresh(), "new organization")


@scenario()
def a_successor_of_one_that_was_closed(assay: Assay) -> None:
    """A ZDR organization is closed, and one of the same name is made under the same account"""
    with at_will():
        assay.needs("organization.delete")
        leaves = assay.enable(assay.fresh(called="that comes again"))
        assay.provide("organization.delete", step="close the one before", org=leaves, organization=leaves.id)
        try:
            successor = assay.fresh(called="that comes again")
        except ScenarioBroken:  # where a name is taken once and for all, it comes under another
            successor = assay.fresh()
        _look(assay, successor, "successor")


def _namesakes(assay: Assay) -> tuple[Party, Party]:
    """Two organizations of one name, which is no identifier; of two names where the target takes each name once."""
    first = assay.fresh(called="of one name")
    try:
        return first, assay.fresh(called="of one name")
    except ScenarioBroken:
        return first, assay.fresh()


@scenario()
def one_of_two_siblings_is_enabled(assay: Assay) -> None:
    """Two organizations of one account, one is enabled"""
    enabled, sibling = _namesakes(assay)
    enabled = assay.enable(enabled)
    _look(assay, sibling, "sibling", right_after=enabled)


@scenario()
def a_sibling_is_disabled(assay: Assay) -> None:
    """Two ZDR organizations of one account, one is disabled and, where that can be done, closed"""
    stays, leaves = assay.enable(assay.fresh()), assay.enable(assay.fresh())
    _read_limits(assay, stays, "stays, at first")
    assay.provide("zdr.disable", step="disable the sibling", org=leaves)
    _look(assay, stays, "stays")
    assay.call("zdr.status", assay.subject.member, step="subject: status", org=assay.subject, counts=True)
    # Somebody may belong to both, under one address.
    with suppress(ScenarioBroken, NotOffered):
        assay.add_member(leaves, step="a member of both", role="both", email=stays.member.email)
    for stream in (False, True):
        assay.infer(stays.member, Stimulus(stream=stream), step="stays: ask", counts=False)
    if assay.offers("organization.delete"):
        if assay.offers("audit.list"):
            for reader in _readers_of_the_log(assay, leaves):
                assay.logs_to_read_again.note(reader, leaves)
        assay.provide("organization.delete", step="close the sibling", org=leaves, organization=leaves.id)
        for party in (stays, assay.subject):
            assay.call("zdr.status", party.member, step="stays when one is closed: status", org=party)


@scenario()
def a_sibling_is_migrated(assay: Assay) -> None:
    """Two pay-as-you-go ZDR organizations of one account, one moves to enterprise"""
    with at_will():
        assay.needs("organization.create_api_zdr", "zdr.migrate")
        stays, leaves = (assay.fresh(operation="organization.create_api_zdr").under("zdr") for _ in range(2))
        _read_limits(assay, stays, "stays when one migrates, at first")
        assay.provide("zdr.migrate", step="migrate the sibling", org=leaves)
        _look(assay, stays, "stays when one migrates")
        assay.call("zdr.status", assay.subject.member, step="subject when one migrates: status", org=assay.subject)
        for stream in (False, True):
            assay.infer(stays.member, Stimulus(stream=stream), step="stays when one migrates: ask", counts=False)


def _readers_of_the_log(assay: Assay, party: Party) -> list[Actor]:
    """Who of the provider may read an organization's log."""
    read = partial(assay.list_all, "audit.list", step="the log of one that will be closed", org=party)
    return [actor for actor in assay.staff_actors.values() if read(by=actor).accepted]


@scenario()
def a_second_organization_is_enabled(assay: Assay) -> None:
    """Prompts of a second ZDR organization of the same account, and of the last of several"""
    second = assay.fresh()
    assay.call("zdr.status", second.admin, step="a newer organization: status", org=second)
    second = assay.enable(second)
    for stream in (False, True, False):
        assay.infer(second.member, Stimulus(stream=stream, places=frozenset({"message", "system"})), step="ask")
    latest = second
    for _ in range(assay.count(5, 6, 24)):  # who knows the first few alone, from one page of a list, say, does not know the last
        latest = assay.enable(assay.fresh(step="create one more"), step="enable one more")
    for stream in (False, True):
        assay.infer(latest.member, Stimulus(stream=stream), step="ask in the latest", counts=False)


@scenario()
def a_beginning_that_organizations_share(assay: Assay) -> None:
    """A long beginning of a prompt, sent twice by one organization and then by others, with each time to live that a mark for the cache can ask for"""
    under_zdr = [assay.subject]
    with suppress(NotOffered):
        under_zdr.append(assay.enable(assay.fresh(account=assay.elsewhere)))
    without = [assay.control, *(assay.others[name] for name in ("sibling", "neighbour") if name in assay.others)]
    others_of = ((assay.control, [*without[1:], *under_zdr]), (assay.subject, [*under_zdr[1:], *without]))
    for owner, others in others_of:
        _share(assay, owner, others)
    for owner, others in others_of if "cache_hour" in assay.offered else ():
        _share(assay, owner, others, for_an_hour=True)


def _share(assay: Assay, owner: Party, others: list[Party], *, for_an_hour: bool = False) -> None:
    """A beginning that the owner sends twice, and then the others. What is to live for an hour a target may refuse: then it has nothing to share."""
    # the same for all in this run, and for nobody before it
    opening = f"{assay.run_id}-{assay.random.getrandbits(48):012x}"
    asked, lasting = Stimulus(opening=opening, cache_hour=for_an_hour), ", for an hour" if for_an_hour else ""
    for step in ("first", "again"):
        reply = assay.infer(owner.member, asked, step=f"{step} of {owner.key}{lasting}", counts=False, how=How(once=True))
        if for_an_hour and not reply.accepted:
            return
    for party in others:
        if "member" in party.actors:
            assay.infer(party.member, asked, step=f"another organization{lasting}", counts=not for_an_hour, how=How(once=True))


# What clients and gateways say of retention in headers, whatever it is meant to do.
WORDS_OF_RETENTION: tuple[tuple[tuple[str, str], ...], ...] = (
    (("x-zero-data-retention", "true"), ("x-zdr", "on")),
    (("x-zero-data-retention", "false"), ("x-zdr", "off")),
    (("x-data-retention", "standard"), ("x-retention-days", "30")),
    (("x-enable-message-redaction", "false"), ("x-log-content", "true")),
    (("x-store", "true"), ("x-collect-log", "true"), ("x-debug", "1")),
)


NAMES_OF_AN_ORGANIZATION = ("anthropic-organization-id", "openai-organization", "x-organization-id", "x-organization-uuid", "x-tenant-id")
"""Headers by which clients say for whom they ask. A key belongs to one organization, whatever they say."""


@scenario()
def requests_that_speak_of_retention(assay: Assay) -> None:
    """Requests whose headers or body say something of retention, or name an organization without ZDR"""
    for number, headers in enumerate(WORDS_OF_RETENTION):
        assay.infer_both(Stimulus(headers=headers, stream=bool(number % 2)), step="ask with words of retention")
    with suppress(NotOffered):  # many an interface has no word for it; a target that refuses the word has not obeyed it
        for stream in (False, True):
            assay.infer(assay.subject.member, Stimulus(store=True, stream=stream), step="ask to be stored", counts=False)
    names = tuple((header, assay.control.id) for header in NAMES_OF_AN_ORGANIZATION)
    for stream in (False, True):  # who refuses the contradiction has not obeyed it either
        how = How(expects=(200, 400, 401, 403, 404, 422))
        asked = Stimulus(headers=names, stream=stream, answer=False)
        assay.infer(assay.subject.member, asked, step="ask in the name of another", counts=False, how=how)


@scenario()
def the_scope_is_read(assay: Assay) -> None:
    """What the target says of the scope of ZDR"""
    for role in sorted(assay.subject.actors):
        assay.call("zdr.status", assay.subject.actor(role), step="read", org=assay.subject, counts=True)


@scenario()
def chat_of_a_zdr_organization(assay: Assay) -> None:
    """Chat by a member of the subject organization"""
    assay.call("chat.send", assay.subject.member, step="send", content="not_covered", counts=True, _asks=True)


@scenario()
def cowork_of_a_zdr_organization(assay: Assay) -> None:
    """Cowork by a member of the subject organization"""
    assay.call("cowork.send", assay.subject.member, step="send", content="not_covered", counts=True, _asks=True)


@scenario()
def a_connector_is_called(assay: Assay) -> None:
    """A third-party connector is called by the subject organization"""
    for _ in range(2):  # not only the first time
        assay.call("connector.call", assay.subject.member, step="call", content="not_covered", counts=True)
