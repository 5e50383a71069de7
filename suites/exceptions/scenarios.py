"""Sessions flagged for a policy violation and sessions under a legal hold, in an organization made for the run; later, two years pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.dates import moments
from zdr_audit.suite.hands import Reply
from zdr_audit.suite.inference import Conversation, How
from zdr_audit.suite.log_entries import moment
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import NotOffered, NotThere, Party, at_will
from zdr_audit.target.stimulus import Stimulus

from ..enablement.waiting import file_one, try_it

DAY = 86_400
SLOW_BODY = 0.8
"""Seconds that a body stays unfinished, so that a hold can be released meanwhile."""
LISTED = {"begins": "kept", "ends": "past its time"}
"""How the steps are called at which is listed what is kept."""
GOES_ON = {
    "flag": "ask in another session what goes on with the flagged one",
    "hold": "ask in another session what goes on with the held one",
}
"""How the steps are called at which another session begins as an exceptional one did."""


def _session(name: str, *, stream: bool = False) -> Stimulus:
    return Stimulus(session=f"zdr-audit-{name}", stream=stream)


@scenario()
def a_flagged_session_and_a_legal_hold(assay: Assay) -> None:
    """A flagged session and a legal hold, each beside an ordinary session"""
    operator = assay.staff("operator")
    org = assay.enable(assay.fresh())
    excepted = org.under("exception")
    # A session is flagged for what was said in it before.
    assay.infer(excepted.member, _session("flagged"), step="ask before it is flagged")
    # What others said before is no more part of it than what they say afterwards.
    _ask_outside(assay, org)
    assay.must("session.flag", operator, step="flag a session", org=org, session="zdr-audit-flagged")
    talk = Conversation()
    for stream in (False, True):
        assay.infer(excepted.member, _session("flagged", stream=stream), step="ask in the flagged session", how=How(conversation=talk))
        _go_on_elsewhere(assay, org, talk, GOES_ON["flag"], f"resumed-{int(stream)}")
        _ask_outside(assay, org, stream=stream)
    for name in assay.profile.features:
        assay.use_feature(name, org.member, step="use before holds", counts=False, only=lambda e: e.begins)
    for name in ("flagged-2", "FLAGGED", "flagge"):
        assay.infer(org.member, _session(name), step="ask in a session of nearly that name")
    assay.infer(assay.subject.member, _session("flagged"), step="another organization asks in a session of that name")
    for actor, stimulus in ((org.member, _session("beside", stream=True)), (org.admin, Stimulus())):
        assay.infer(actor, stimulus, step="ask beside before the hold", counts=False)
    hold = assay.must("hold.place", operator, step="place a hold", org=org, session="zdr-audit-held")
    held = Conversation()
    assay.infer(excepted.member, _session("held"), step="ask in the held session", how=How(conversation=held))
    _go_on_elsewhere(assay, org, held, GOES_ON["hold"], "resumed-held")
    other_hold = assay.must("hold.place", operator, step="place another hold", org=org, session="zdr-audit-held-too")
    assay.infer(org.member, _session("beside"), step="ask beside the held session")
    assay.call("zdr.status", org.admin, step="status while held", org=org, counts=True)
    for name in assay.profile.features:
        assay.use_feature(name, org.member, step="use while held", only=lambda e: e.begins)
        for session in ("zdr-audit-flagged", "zdr-audit-held"):
            if values := assay.belonging(name, session):
                assay.use_feature(name, excepted.member, step="use in such a session", values=values, counts=False, only=lambda e: e.begins)
    read_exceptions(assay, org)
    for placed in (other_hold, hold):
        assay.must("hold.release", operator, step="release the hold", org=org, hold=placed.values["hold"])
    assay.infer(org.member, _session("held"), step="ask after the release")
    assay.call("zdr.status", org.admin, step="status afterwards", org=org, counts=True)
    assay.list_all("audit.list", org.admin, step="audit log", org=org)
    for role, actor in (
        ("member", org.member),
        ("admin", org.admin),
        ("neighbour", assay.other("neighbour").admin),
        ("account_team", assay.staff("account_team")),
    ):
        listed = assay.list_all("exceptions.list", operator, step="operator lists", org=org)
        for item in listed.items:
            assay.attempt("exceptions.read", actor, step="others read", org=org, labels={"reader": role}, exception=item["exception"])


def _ask_outside(assay: Assay, org: Party, *, stream: bool = False) -> None:
    """What lies outside a flagged session: another one, a colleague's, none at all."""
    assay.infer(org.member, _session("ordinary", stream=stream), step="ask in another session")
    assay.infer(org.admin, _session("colleague", stream=stream), step="a colleague asks")
    assay.infer(org.member, Stimulus(stream=stream), step="ask without a session")


def _go_on_elsewhere(assay: Assay, org: Party, talk: Conversation, step: str, name: str) -> None:
    """Another session that begins with the very messages of an exceptional one, as whoever resumes or forks a conversation has it; what it says beyond them
    is its own, and alone is looked for."""
    if "turns" in assay.offered:
        how = How(conversation=talk.under_another_promise())
        assay.infer(org.member, _session(name), step=step, counts=False, how=how)


@scenario()
def a_flag_and_a_hold_from_before(assay: Assay) -> None:
    """A session is flagged and another held before ZDR is enabled; afterwards, ordinary sessions"""
    with at_will():
        assay.needs("session.flag", "hold.place", "hold.release")
        operator, org = assay.staff("operator"), assay.fresh()
        assay.must("session.flag", operator, step="flag before", org=org, session="zdr-audit-flagged-before")
        hold = assay.must("hold.place", operator, step="hold before", org=org, session="zdr-audit-held-before")
        for name in ("flagged-before", "held-before"):
            assay.infer(org.member, _session(name), step="ask before", counts=False)
        org = assay.enable(org)
        for stream in (False, True):
            assay.infer(org.member, _session("another", stream=stream), step="ask in another session after", counts=False)
            assay.infer(org.admin, Stimulus(stream=stream), step="ask in another session after", counts=False)
        assay.call("zdr.status", org.admin, step="status with what is from before", org=org)
        assay.must("hold.release", operator, step="release what is from before", org=org, hold=hold.values["hold"])


def read_exceptions(assay: Assay, org: Party) -> None:
    """The operator reads each kept item, which shows that it is there to be read."""
    operator = assay.staff("operator")
    listed = assay.list_all("exceptions.list", operator, step="operator lists", org=org)
    for item in listed.items:
        assay.call("exceptions.read", operator, step="operator reads", org=org, exception=item["exception"])


@scenario(late=True)
def a_hold_that_is_released(assay: Assay) -> None:
    """A session is held, the hold is released while requests are under way in it, the purge runs, and the session is held anew"""
    with at_will():  # where no purge can be run, what was held may rightly wait for the next one
        _hold_and_let_go(assay)


def _hold_and_let_go(assay: Assay) -> None:
    assay.needs("hold.place", "hold.release", "exceptions.list", "purge.run")
    operator = assay.staff("operator")
    org = assay.enable(assay.fresh())
    told = {"session": "zdr-audit-let-go"}
    hold = assay.must("hold.place", operator, step="place a hold", org=org, **told)
    assay.infer(org.under("exception").member, _session("let-go"), step="ask while it stands")
    assay.list_all("exceptions.list", operator, step="kept while it stands", org=org, labels=told)
    _release_under_way(assay, org, hold.values["hold"])
    assay.must("purge.run", operator, step="purge after the release")
    assay.list_all("exceptions.list", operator, step="kept after the release", org=org, labels=told)
    anew = assay.must("hold.place", operator, step="hold it anew", org=org, **told)
    listed = assay.list_all("exceptions.list", operator, step="kept when held anew", org=org, labels=told)
    for item in listed.items if assay.offers("exceptions.read") else ():
        assay.call("exceptions.read", operator, step="read when held anew", org=org, exception=item["exception"])
    assay.must("hold.release", operator, step="release it again", org=org, hold=anew.values["hold"])


def _release_under_way(assay: Assay, org: Party, hold: str) -> None:
    """The hold is released while a stream that was begun under it is still coming, and bodies that were begun under it are. Whether they are kept, some
    targets ask when a request begins, others when it ends: of what ends after the release nothing may stay all the same."""
    member, begun = org.under("exception").member, threading.Event()
    begins = Stimulus(session="zdr-audit-let-go", stream=True, abandon_after=3_500)
    streams = assay.can_say(begins)

    def release() -> None:
        if streams:
            begun.wait(SLOW_BODY / 2)  # where no answer has begun by then, it is the request that is under way
        else:
            assay.pause(SLOW_BODY / 2)
        assay.must("hold.release", assay.staff("operator"), step="release", org=org, hold=hold)

    def ask(stimulus: Stimulus, how: How) -> None:
        try:
            assay.infer(member, stimulus, step="ask while it is released", counts=False, how=how)
        finally:
            if how.begun:
                how.begun.set()  # an answer that never began is not waited for

    jobs: list[Callable[[], None]] = [partial(ask, _session("let-go", stream=stream), How(slowly=SLOW_BODY)) for stream in (False, True)]
    if streams:
        jobs.append(partial(ask, begins, How(begun=begun)))
    assay.parallel([*jobs, release])
    assay.pause(
        assay.profile.limits.settle_seconds
    )  # what is written late is there when the purge runs, and nothing is written under the next hold


@scenario(late=True)
def two_holds_on_a_session(assay: Assay) -> None:
    """A session is held for two cases, one of which ends: the other one's hold stands, until it is released, too"""
    with at_will():
        assay.needs("hold.place", "hold.release", "exceptions.list", "purge.run")
        operator, told = assay.staff("operator"), {"session": "zdr-audit-two-cases"}
        org = assay.enable(assay.fresh())
        first = assay.must("hold.place", operator, step="hold for one case", org=org, **told)
        second = assay.call("hold.place", operator, step="hold for another case", org=org, weigh="decision", session=told["session"])
        if not second.accepted or second.values.get("hold") in (None, first.values["hold"]):
            raise NotThere("a session that is held is not held once more")
        member = org.under("exception").member
        assay.infer(member, _session("two-cases"), step="ask under two holds", counts=False)
        assay.list_all("exceptions.list", operator, step="kept under two holds", org=org, labels=told)
        assay.must("hold.release", operator, step="release for one case", org=org, hold=first.values["hold"])
        assay.infer(member, _session("two-cases"), step="ask under the other hold", counts=False)
        assay.must("purge.run", operator, step="purge after one release")
        assay.list_all("exceptions.list", operator, step="kept under the other hold", org=org, labels=told)
        assay.call("hold.release", operator, step="release for the other case", org=org, hold=second.values["hold"])
        assay.must("purge.run", operator, step="purge after both releases")


@scenario(late=True)
def dates_that_calendars_stumble_over(assay: Assay) -> None:
    """Sessions flagged on leap days, at ends of months and years, some looked at later, one gone on with later; each past its time, while another is held"""
    assay.needs("clock.advance", "session.flag", "purge.run", "exceptions.list")
    operator = assay.staff("operator")
    org = assay.enable(assay.fresh())
    excepted = org.under("exception")
    assay.list_all("audit.list", org.admin, step="the log before years", org=org)
    hold = _hold_beside(assay, org)
    time = _said(assay.must("clock.advance", operator, step="what time is it", seconds=1))
    longest = timedelta(days=assay.profile.limits.exception_retention_days + 1)
    dates = [(f"zdr-audit-date-{n}", kind, at) for n, (kind, at) in enumerate(moments(time, assay.count(2, 3, 12), assay.seed))]
    story = [(at, "begins", name, kind) for name, kind, at in dates] + [(at + longest, "ends", name, kind) for name, kind, at in dates]
    reads = assay.offers("exceptions.read")
    if (
        reads
    ):  # what is said later in the same session has a time of its own, and prolongs nothing; only its content tells one from the other
        session, kind, began = dates[0]
        story.append((began + longest / 2, "goes on", session, kind))
    for at, what, name, kind in sorted(story):
        if (seconds := int((at - time).total_seconds())) > 0:
            time = at
            assay.must("clock.advance", operator, step="go on to the date", seconds=seconds)
        told = {"session": name, "kind": kind, "date": at.isoformat()}
        if what == "goes on":
            assay.infer(excepted.member, Stimulus(session=name), step="ask later in the same session", labels=told)
            continue
        if what == "begins":
            assay.must("session.flag", operator, step="flag on a date", org=org, session=name, labels=told)
            assay.infer(excepted.member, Stimulus(session=name), step="ask on a date", labels=told)
        else:
            assay.must("purge.run", operator, step="purge when its time has passed", labels=told)
        listed = assay.call("exceptions.list", operator, step=LISTED[what], org=org, labels=told, counts=True)
        for item in listed.items if reads else ():
            # What is looked at later has no more time for that.
            if what == "begins" and item.get("session") != name:
                assay.call("exceptions.read", operator, step="look at what was kept before", org=org, exception=item["exception"])
            if what == "ends" and item.get("session") == name:
                assay.call("exceptions.read", operator, step="read what is left", org=org, labels=told, exception=item["exception"])
    if hold:
        assay.call("hold.release", operator, step="release what was held meanwhile", org=org, hold=hold)
    assay.list_all("audit.list", org.admin, step="the log after years", org=org)


def _hold_beside(assay: Assay, org: Party) -> str:
    """A hold on a session in which nothing is said, which prolongs nothing of the others; empty where none can be placed and released."""
    if not (assay.offers("hold.place") and assay.offers("hold.release")):
        return ""
    placed = assay.call("hold.place", assay.staff("operator"), step="hold a session meanwhile", org=org, session="zdr-audit-held-meanwhile")
    return str(placed.values.get("hold", "")) if placed.accepted else ""


@scenario(late=True)
def two_years_pass(assay: Assay) -> None:
    """The clock moves past the longest retention, while a request for ZDR waits, and the purge runs"""
    with at_will():  # for whoever asks about more than what is kept; the other controls need the clock and the purge themselves
        assay.needs("clock.advance", "purge.run")
        _two_years_pass(assay)


def _two_years_pass(assay: Assay) -> None:
    operator, waiting = assay.staff("operator"), file_one(assay)
    # What was kept longer ago may have been overwritten by now. Of this, remains would still be there: it is more than what is written after it.
    with suppress(NotOffered):
        org = assay.enable(assay.fresh())
        assay.must("session.flag", operator, step="flag one more session", org=org, session="zdr-audit-latest")
        # Many small ones beside it: a purge that goes in steps must come to its end.
        for padding in (48_000, 48_000, 48_000, *[0] * assay.count(9, 20, 250)):
            latest = Stimulus(session="zdr-audit-latest", padding=padding)
            assay.infer(org.under("exception").member, latest, step="ask in the latest flagged session")
    days = assay.profile.limits.exception_retention_days + 1
    assay.must("clock.advance", operator, step="advance the clock", seconds=days * DAY)
    assay.must("purge.run", operator, step="purge")
    if waiting is not None:
        try_it(assay, waiting)


def _said(reply: Reply) -> datetime:
    """The time that the target says it is; ours where it says something that is no time."""
    if "now" not in reply.values:
        raise NotOffered("the profile does not say where the answer of clock.advance tells the time (extract: now)")
    said = reply.values["now"]
    return moment(said) or moment(f"{said}+00:00") or datetime.now(UTC)
