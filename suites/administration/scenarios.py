"""The administrative capabilities of a ZDR organization at work."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.interface import unspoken_pages
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.openapi import DeclaredOperation
from zdr_audit.suite.party import Actor, NotOffered, Party, at_will
from zdr_audit.target.stimulus import Stimulus

from .usage import waited_for

SMALL_LIMIT, SPENDS = "1", 4
BY_STREAMS = " by streams alone"
"""What the steps of a user who only streams are called after."""


@scenario()
def a_spend_limit(assay: Assay) -> None:
    """A user has a spend limit from before ZDR and reaches it, whatever the key, a colleague does not; then the limit is raised"""
    org = assay.fresh()
    refused = assay.profile.operations["cost.set"].refused
    assay.infer(org.member, Stimulus(), step="ask before", counts=False)
    others = assay.other_credentials(org, org.member, step="before the limit")
    assay.must("cost.set", org.admin, step="set the limit", org=org, user=org.member.user, amount="0")
    org = assay.enable(org)
    with suppress(NotOffered):
        others["a key from after the limit"] = assay.further_key(org, org.member, step="give a key after the limit")
    for stream in (False, True):
        assay.infer(org.member, Stimulus(stream=stream, answer=False), step="ask over the limit", how=How(expects=refused))
        assay.infer(org.admin, Stimulus(stream=stream), step="a colleague asks")
    for number, (name, actor) in enumerate(others.items()):
        stimulus = Stimulus(stream=bool(number % 2), answer=False)
        same = replace(actor, content=org.content)
        assay.infer(same, stimulus, step="ask over the limit otherwise", counts=False, labels={"with": name}, how=How(expects=refused))
    assay.must("cost.set", org.admin, step="raise the limit", org=org, user=org.member.user, amount="100000")
    assay.infer(org.member, Stimulus(), step="ask below the limit", counts=False)
    for name, actor in others.items():
        same = replace(actor, content=org.content)
        assay.infer(same, Stimulus(answer=False), step="ask below the limit otherwise", counts=False, labels={"with": name})


@scenario()
def a_small_limit(assay: Assay) -> None:
    """Users with a limit of one spend it, one of them by streams alone, and once more when the usage report shows that it was spent"""
    with at_will():
        assay.needs("cost.set", "analytics.read")
        if "cost" not in assay.profile.operations["analytics.read"].fields:
            raise NotOffered(
                "the profile does not say where the usage report tells what was spent ('cost' in the fields of analytics.read)"
            )
        org = assay.add_member(assay.enable(assay.fresh()), step="a user who streams", role="streamer")
        for who, streams, how in ((org.member, (False, True), ""), (org.actor("streamer"), (True,), BY_STREAMS)):
            _spend_a_small_limit(assay, org, who, streams, how)


def _spend_a_small_limit(assay: Assay, org: Party, who: Actor, streams: tuple[bool, ...], by: str) -> None:
    either, served = How(expects=(200, *assay.profile.operations["cost.set"].refused)), 0
    assay.must("cost.set", org.admin, step="set a small limit", org=org, user=who.user, amount=SMALL_LIMIT)
    for number in range(SPENDS):
        asked = Stimulus(stream=streams[number % len(streams)], answer=False)
        served += assay.infer(who, asked, step=f"spend{by}", counts=False, how=either).interaction.status == 200
    _until_counted(assay, org, {who.email: served} if who.email else {})
    assay.list_all("analytics.read", org.admin, step=f"what was spent{by}", org=org)
    assay.infer(who, Stimulus(stream=streams[0], answer=False), step=f"spend beyond{by}", how=either)


@scenario(last=True)
def analytics_are_read(assay: Assay) -> None:
    """Usage analytics of subject and control organization, and of one that reported contributions before it had ZDR"""
    org = assay.fresh()
    if assay.offers("metrics.send"):
        assay.call("metrics.send", org.member, step="report counts before ZDR", content=org.member.content, weigh="decision")
    org = assay.enable(org)
    used = [assay.infer(org.member, Stimulus(stream=bool(number % 2)), step="use", counts=False) for number in range(3)]
    others = assay.infer(org.admin, Stimulus(), step="a colleague uses", counts=False)
    served = {org.member.email: sum(reply.accepted for reply in used), org.admin.email: int(others.accepted)}
    waited = _until_counted(assay, org, {email: count for email, count in served.items() if email is not None})
    assay.list_all("analytics.read", org.admin, step="fresh analytics", org=org, counts=True, labels={"waited": f"{waited:g}"})
    for party, step in ((assay.subject, "subject analytics"), (assay.control, "control analytics")):
        assay.list_all("analytics.read", party.admin, step=step, org=party, counts=True)


def _until_counted(assay: Assay, org: Party, used: Mapping[str, int]) -> float:
    """The counts may reach the analytics through a queue: they are read, to learn that alone, until they are there. Gives the seconds that it took."""

    def read() -> tuple[Any, ...] | None:
        reply = assay.list_all("analytics.read", org.admin, step="are the counts there yet", org=org)
        return reply.items if reply.accepted else None

    return waited_for(used, assay.profile.limits.analytics_delay_seconds, assay.pause, read)


@scenario()
def settings_are_changed(assay: Assay) -> None:
    """An admin sets the server-managed settings, ZDR is enabled, the admin changes them; a client reads them"""
    org = assay.fresh()
    assay.must("settings.write", org.admin, step="set before ZDR", org=org, settings={"cleanupPeriodDays": 9})
    org = assay.enable(org)
    before = assay.call("settings.read", org.member, step="read before")
    assay.must("settings.write", org.admin, step="change", org=org, settings={"cleanupPeriodDays": 7})
    assay.poll("settings.read", org.member, before, step="poll after")
    assay.call("settings.read", org.member, step="read after", counts=True)
    if assay.call("settings.write", org.admin, step="set values of every kind", org=org, settings=EVERY_KIND).accepted:
        assay.call("settings.read", org.member, step="read values of every kind")
        _take_settings_away(assay, org)


def _take_settings_away(assay: Assay, org: Party) -> None:
    """The admin sets fewer than before. Where a write is a PATCH, what it leaves out stays by contract."""
    if assay.profile.operations["settings.write"].method == "PATCH":
        return
    if assay.call("settings.write", org.admin, step="take settings away", org=org, settings=FEWER).accepted:
        assay.call("settings.read", org.member, step="read what is left")


EVERY_KIND: Mapping[str, object] = {
    "cleanupPeriodDays": 0,
    "includeCoAuthoredBy": False,
    "enableAllProjectMcpServers": True,
    "permissions": {"allow": [], "deny": ["WebFetch"]},
    "apiKeyHelper": "",
}
"""Settings that switch something off, or empty a list, are as much what the admin wants as others."""
FEWER: Mapping[str, object] = {"cleanupPeriodDays": 6, "permissions": {"allow": []}}
"""Most of them are left out, and one that stands in another."""


@scenario()
def administration_is_read(assay: Assay) -> None:
    """The subject organization's admin reads audit log, users and seats, and so does that of one that was just enabled"""
    for operation, step in (("audit.list", "audit log"), ("users.list", "users")):
        if assay.offers(operation):  # a control for each, which is not there where the operation is not
            assay.list_all(operation, assay.subject.admin, step=step, org=assay.subject, counts=True)
    with suppress(NotOffered):  # where none can be enabled, or given users, those of the profile alone are looked at
        org = assay.enable(assay.fresh())
        if assay.offers("audit.list"):
            assay.list_all("audit.list", org.admin, step="audit log of one that was enabled", org=org)
        if assay.offers("users.list"):
            org = assay.add_member(org, step="a member comes under ZDR", role="newcomer")
            told = {"newcomer": org.actor("newcomer").email or ""}
            assay.list_all("users.list", org.admin, step="users with a newcomer", org=org, labels=told)


# Where frameworks, model servers and gateways show what goes on inside them.
DIAGNOSTICS = (
    "/metrics",
    "/health",
    "/status",
    "/slots",
    "/debug",
    "/debug/requests",
    "/debug/vars",
    "/debug/pprof/goroutine",
    "/actuator/httpexchanges",
    "/actuator/metrics",
    "/internal/requests",
    "/admin/logs",
    "/logs",
    "/cache",
    "/queue",
    "/_stats",
)
MOST_PAGES = 40


@scenario(last=True)
def diagnostics_are_looked_at(assay: Assay) -> None:
    """Common diagnostic pages, after all stimuli"""
    strongest = assay.subject.admin if "admin" in assay.subject.actors else assay.subject.member
    for path in DIAGNOSTICS:
        page = DeclaredOperation("GET", path, "diagnostics", None)
        for actor in (strongest, assay.staff_actors.get("operator")):
            if actor is not None:
                assay.call_declared(page, actor, step="look", pair=f"{assay.scenario}{path}{actor.key}", counts=True)
    _look_at_what_is_documented(assay)


def _look_at_what_is_documented(assay: Assay) -> None:
    """Pages of the interface document that the profile does not speak of, as the operator: a target has names of its own for its diagnostics."""
    operator = assay.staff_actors.get("operator")
    if operator is None or not assay.offers("openapi.read"):
        return
    with suppress(ScenarioBroken):
        document = assay.document("openapi.read", step="read the interface document")
        for path in unspoken_pages(document, assay.profile)[:MOST_PAGES]:
            page = DeclaredOperation("GET", path, "documented page", None)
            assay.call_declared(page, operator, step="look at what is documented", pair=f"{assay.scenario}{path}", counts=False)
