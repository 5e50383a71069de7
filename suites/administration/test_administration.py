"""What administrators need stays available, and working, under ZDR."""

from __future__ import annotations

from typing import Any

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, listed, read_to_the_end
from zdr_audit.suite.settings import left_over, otherwise, told

from . import scenarios as after
from .usage import count_of, spent_by


@control("ZDR-ADM-01", after=after.a_spend_limit)
def test_a_user_over_the_spend_limit_is_stopped(expect: Expect) -> None:
    expect.presupposes(expect.some(step="ask before"), "the user must be served before the limit")
    over = expect.some(step="ask over the limit")
    expect.dealt_with(over)
    stopped = expect.profile.operations["cost.set"].refused
    expect.every(over, lambda i: i.status in stopped, "a user over the spend limit must be stopped, also where it was set before ZDR")
    expect.served(expect.some(step="ask below the limit"), "a user whose limit was raised must be served again")


@control("ZDR-ADM-01", after=after.a_spend_limit)
def test_a_limit_holds_for_every_credential_of_its_user(expect: Expect) -> None:
    over = expect.where(step="ask over the limit otherwise")
    if not over:
        raise DoesNotApply("the user has one credential alone: the target takes it in one header, and the profile offers no further key")
    expect.dealt_with(over)
    for item in over:
        stopped = item.status in expect.profile.operations["cost.set"].refused
        expect.that(stopped, f"a user over the spend limit must be stopped with {item.labels['with']}, too", item)
    for item in expect.some(step="ask below the limit otherwise"):
        expect.dealt_with([item])
        expect.that(item.outcome == "accepted", f"a user whose limit was raised must be served with {item.labels['with']}, too", item)


def _stopped_at_a_small_limit(expect: Expect, by: str) -> None:
    """Who is shown to have spent a small limit is stopped. Raises DoesNotApply where the usage report does not show that much."""
    beyond = expect.some(step=f"spend beyond{by}")
    shown = [*expect.some(step=f"spend{by}"), *beyond]
    expect.dealt_with(shown)
    spent = spent_by(listed(expect.some(step=f"what was spent{by}")), beyond[0].labels.get("email"))
    if spent is None or spent < float(after.SMALL_LIMIT):
        raise DoesNotApply(
            f"the usage report shows {'nothing' if spent is None else f'{spent:g}'} of what was spent, so that the limit need not bind yet"
        )
    stopped = expect.profile.operations["cost.set"].refused
    promise = f"a user whose limit is {after.SMALL_LIMIT}, and who is shown to have spent {spent:g}{by}, must be stopped"
    expect.every(beyond, lambda i: i.status in stopped, promise)


@control("ZDR-ADM-01", after=after.a_small_limit)
def test_a_user_who_spent_a_small_limit_is_stopped(expect: Expect) -> None:
    expect.about(after.a_small_limit)
    _stopped_at_a_small_limit(expect, "")


@control("ZDR-ADM-01", after=after.a_small_limit)
def test_a_user_who_spent_a_small_limit_by_streams_alone_is_stopped(expect: Expect) -> None:
    expect.about(after.a_small_limit)
    asked, report = expect.some(step=f"spend{after.BY_STREAMS}"), expect.some(step=f"what was spent{after.BY_STREAMS}")
    rows, plain = listed(report), expect.some(step="spend")
    expect.dealt_with(plain)
    others = spent_by(rows, plain[0].labels.get("email"))
    free = bool(others) and spent_by(rows, asked[0].labels.get("email")) == 0 and any(i.status == 200 for i in asked)
    expect.that(not free, "what is streamed must be counted as spent, as what is not streamed is", report[0])
    _stopped_at_a_small_limit(expect, after.BY_STREAMS)


@control("ZDR-ADM-02", after=after.a_spend_limit)
def test_the_limit_binds_that_user_alone(expect: Expect) -> None:
    expect.served(expect.some(step="a colleague asks"), "a colleague must not be stopped by another user's limit")


@control("ZDR-ADM-03", after=after.analytics_are_read)
def test_usage_analytics_are_there_and_count(expect: Expect) -> None:
    used = [i for i in expect.some(step="use") if i.accepted]
    others = [i for i in expect.some(step="a colleague uses") if i.accepted]
    if not used or not others:
        raise Inconclusive("not every user was served, so that there is nothing to count of those who were not")
    read = expect.whole(step="fresh analytics")
    expect.served([read, expect.whole(step="subject analytics")], "usage analytics must be available to the admin of a ZDR organization")
    late = f", {read.labels['waited']} s after the last request" if "waited" in read.labels else ""
    named = {e.get("actor") for e in read.data["items"]}
    expect.that(used[0].labels.get("email") in named, f"usage analytics must name the user who was active{late}", read)
    expect.that(all(i.labels.get("email") in named for i in others), f"usage analytics must name every user who was active{late}", read)
    counted = count_of(read.data["items"], used[0].labels.get("email"))
    promise = f"usage analytics must count the {len(used)} requests of the user{late}"
    expect.that(counted is not None and counted >= len(used), promise, read)


@control("ZDR-ADM-04", after=after.analytics_are_read)
def test_contribution_metrics_are_absent_under_zdr(expect: Expect) -> None:
    theirs = expect.whole(step="control analytics")
    expect.served([theirs], "usage analytics must be available to the control organization")
    if not any(e.get("contribution") for e in theirs.data["items"]):
        raise Inconclusive("the control organization has no contribution metrics either, so their absence says nothing")
    # By what they are called there they are known in any other place; but not by a word that stands elsewhere there, too.
    called = {n for e in theirs.data["items"] for n in names_in(e.get("contribution"))}
    called -= {n for e in theirs.data["items"] for n in names_in({k: v for k, v in e.items() if k not in ("contribution", "_whole")})}
    for step in ("subject analytics", "fresh analytics"):
        pages = expect.some(step=step)
        shown = [e for e in listed(pages) if e.get("contribution") is not None or names_in(e) & called]
        expect.that(not shown, "contribution metrics must not be shown to a ZDR organization, wherever they stand", pages[0])
        expect.served([expect.whole(step=step)], "usage analytics must be available to a ZDR organization")


def names_in(value: Any) -> set[str]:
    """Every name of a member in a JSON value."""
    if isinstance(value, dict):
        return {*value, *(name for inner in value.values() for name in names_in(inner))}
    return {name for inner in value for name in names_in(inner)} if isinstance(value, list) else set()


@control("ZDR-ADM-05", after=after.analytics_are_read)
def test_analytics_carry_no_content(expect: Expect) -> None:
    steps = ("subject analytics", "fresh analytics")
    expect.echoes_nothing([page for step in steps for page in expect.some(step=step)], "analytics must carry no prompt or answer")
    reads = [expect.whole(step=step) for step in steps]
    expect.served(reads, "usage analytics must be available to a ZDR organization")
    if not any(i.data["items"] for i in reads):
        raise Inconclusive("the analytics are empty, so finding no content in them says nothing")


@control("ZDR-ADM-06", after=after.settings_are_changed)
def test_managed_settings_are_served_and_follow_the_admin(expect: Expect) -> None:
    before, read = expect.one(step="read before"), expect.one(step="read after")
    expect.served([before], "server-managed settings must be served under ZDR")
    expect.that(not otherwise(before, {"cleanupPeriodDays": 9}), "settings from before ZDR was enabled must be served on", before)
    expect.served([read], "server-managed settings must be served under ZDR")
    expect.that(not otherwise(read, {"cleanupPeriodDays": 7}), "a change of settings must reach the clients", read)
    for every in expect.where(step="read values of every kind"):
        expect.served([every], "server-managed settings must be served under ZDR")
        wrong = otherwise(every, after.EVERY_KIND)
        expect.that(not wrong, f"settings must be served as the admin set them, also what is off or empty: {', '.join(wrong)}", every)
    for fewer in expect.where(step="read what is left"):
        expect.served([fewer], "server-managed settings must be served under ZDR")
        expect.that(not otherwise(fewer, {"cleanupPeriodDays": 6}), "settings that stay must be served as the admin set them last", fewer)
        # What was told before the admin set it is the target's own.
        removed = left_over(fewer, after.FEWER, [after.EVERY_KIND], told(before))
        expect.that(not removed, f"settings that the admin took away must not be served any more: {', '.join(removed)}", fewer)
    promise = "a change of settings must reach clients that poll for it"
    expect.revalidated(before, read, expect.where(step="poll after"), promise, of=("settings",))


@control("ZDR-ADM-07", after=after.administration_is_read)
def test_the_audit_log_is_available_to_the_admin(expect: Expect) -> None:
    read = expect.whole(step="audit log")
    expect.served([read], "the audit log must be available to the admin of a ZDR organization")
    expect.that(
        {str(e.get("organization")) for e in read.data["items"]} <= {read.organization_id},
        "the log must hold the organization's own entries",
        read,
    )
    enabled = expect.where(step="audit log of one that was enabled")
    expect.served(enabled, "the audit log must be available to the admin of an organization that was enabled")
    for page in enabled[:1]:
        if not (entries := listed(enabled)):
            read_to_the_end(enabled)
        expect.that(bool(entries), "the log of an organization must not be empty when ZDR was enabled for it", page)
    if not read.data["items"]:
        raise Inconclusive("the log of the organization is empty, so that it can be read says little")


@control("ZDR-ADM-08", after=after.administration_is_read)
def test_users_and_seats_are_listed(expect: Expect) -> None:
    read = expect.whole(step="users")
    expect.served([read], "users and seats must be listed for the admin of a ZDR organization")
    named = {e.get("email") for e in read.data["items"]}
    expect.that(read.labels.get("email") in named, "the list must name the users of the organization", read)
    expect.that(any(e.get("seat") for e in read.data["items"]), "the list must name seats", read)
    pages = expect.where(step="users with a newcomer")
    expect.served(pages, "users and seats must be listed for the admin of a ZDR organization")
    named = {e.get("email") for e in listed(pages)}
    for page in pages[:1]:
        if page.labels["newcomer"] not in named:
            read_to_the_end(pages)
        expect.that(page.labels["newcomer"] in named, "the list must name a user who came under ZDR", page)


@control("ZDR-ADM-09", after=after.diagnostics_are_looked_at)
def test_diagnostic_pages_show_no_content(expect: Expect) -> None:
    looked = expect.some(step="look")
    expect.echoes_nothing(looked, "a diagnostic page must show no prompt or answer, whoever's it is")
    # What a target documents may well give back content that is kept for organizations without ZDR.
    if documented := expect.where(step="look at what is documented"):
        expect.echoes_nothing(documented, "no page for operators may show a prompt or an answer of an organization under ZDR", of="zdr")
    expect.dealt_with([i for i in looked if i.status != 401])
