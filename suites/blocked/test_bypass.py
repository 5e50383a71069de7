"""No way round the block, and nothing kept of what was refused."""

from __future__ import annotations

from itertools import pairwise

from zdr_audit.suite.bypass.judge import no_form_opens, no_state_opens
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.limits import TOLD, closed, marked, readable, unknown_marks
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive

from . import disturbed
from . import scenarios as after

FEATURES = (after.web_sessions, after.remote_sessions, after.feedback, after.other_features, after.declared_features)
FORMS = (
    after.detours_to_features,
    after.bodies_in_other_forms,
    after.headers_that_conflict,
    after.every_credential,
    after.unusual_connections,
)
DISTURBED = (disturbed.features_after_what_went_wrong, disturbed.features_after_administration)


@control("ZDR-BLK-06", after=(*FEATURES, after.clients_that_claim_things))
def test_the_body_of_a_refused_request_is_kept_nowhere(expect: Expect) -> None:
    expect.kept_nowhere(promise="nothing of a refused feature request must be kept")


@control("ZDR-BLK-07", after=after.clients_that_claim_things)
def test_what_a_client_claims_changes_nothing(expect: Expect) -> None:
    no_form_opens(expect, "headers of a client must not open a blocked feature")


@control("ZDR-BLK-08", after=after.detours_to_features)
def test_no_detour_leads_to_a_blocked_feature(expect: Expect) -> None:
    no_form_opens(expect, "another path form, method or endpoint must not open a blocked feature")


@control("ZDR-BLK-08", after=(*DISTURBED, disturbed.features_after_a_purge))
def test_nothing_that_happened_just_now_opens_a_blocked_feature(expect: Expect) -> None:
    expect.about(*DISTURBED, disturbed.features_after_a_purge)
    no_state_opens(expect, "a blocked feature must stay refused right after a failure, a mistake or an administrative act")


@control("ZDR-BLK-14", after=after.bodies_in_other_forms)
def test_no_form_of_the_body_opens_a_blocked_feature(expect: Expect) -> None:
    no_form_opens(expect, "another type, encoding or framing of the body must not open a blocked feature")


@control("ZDR-BLK-15", after=after.headers_that_conflict)
def test_no_conflict_of_headers_opens_a_blocked_feature(expect: Expect) -> None:
    no_form_opens(expect, "doubled and conflicting headers must not open a blocked feature")


@control("ZDR-BLK-16", after=after.every_credential)
def test_no_credential_of_the_organization_opens_a_blocked_feature(expect: Expect) -> None:
    no_form_opens(expect, "no credential of the organization may open a blocked feature")


@control("ZDR-BLK-17", after=after.unusual_connections)
def test_no_connection_opens_a_blocked_feature(expect: Expect) -> None:
    no_form_opens(expect, "no way of connecting may open a blocked feature")


@control("ZDR-BLK-12", after=after.a_session_begun_before)
def test_a_session_begun_before_zdr_cannot_go_on(expect: Expect) -> None:
    expect.presupposes(expect.some(step="begin"), "the session must have begun, so that refusing to go on means something")
    expect.not_served(expect.some(step="go on"), "a session begun before ZDR was enabled must not go on")


@control("ZDR-BLK-18", after=after.everything_begun_before)
def test_nothing_that_was_begun_before_zdr_can_be_used(expect: Expect) -> None:
    worked = {(i.labels["feature"], i.labels["endpoint"]) for i in expect.some(step="before") if i.outcome == "accepted"}
    asked = [*expect.some(step="existing"), *expect.where(step="existing, if it changed"), *expect.where(step="existing, from there on")]
    attempts = [i for i in asked if (i.labels["feature"], i.labels["endpoint"]) in worked]
    expect.not_served(attempts, "what was begun before ZDR was enabled must not be served afterwards")
    newcomers = [i for i in expect.some(step="newcomer") if (i.labels["feature"], i.labels["endpoint"]) in worked]
    expect.not_served(newcomers, "members who come after ZDR was enabled must have no more than the others")


@control("ZDR-BLK-18", after=after.everything_begun_before)
def test_nothing_that_was_begun_between_two_times_of_zdr_can_be_used(expect: Expect) -> None:
    if not expect.where(step="existing from between"):
        raise DoesNotApply("ZDR was not disabled and enabled again, or nothing could be begun between")
    begun = {i.labels["feature"] for i in expect.where(step="between") if i.outcome == "accepted"}
    worked = {(i.labels["feature"], i.labels["endpoint"]) for i in expect.some(step="before") if i.outcome == "accepted"}
    attempts = [
        i
        for i in expect.some(step="existing from between")
        if i.labels["feature"] in begun and (i.labels["feature"], i.labels["endpoint"]) in worked
    ]
    expect.not_served(attempts, "what was begun while ZDR was off for a time must not be served once it is enabled again")


@control("ZDR-BLK-19", after=(*FORMS, after.everything_begun_before))
def test_nothing_is_kept_of_a_refused_request_in_any_form(expect: Expect) -> None:
    attempts = [i for i in expect.interactions if i.content == "zdr" and i.step not in (after.ASKED_WITHIN, after.ASKED_WITHOUT)]
    expect.kept_nowhere(attempts, promise="nothing of a refused feature request must be kept, whatever its form")


@control("ZDR-BLK-19", after=(*FORMS, after.everything_begun_before))
def test_nothing_is_kept_of_an_inference_for_naming_what_was_begun_before_as_its_session(expect: Expect) -> None:
    expect.about(after.everything_begun_before)
    asked = expect.where(step=after.ASKED_WITHIN)
    if not asked:
        raise DoesNotApply("nothing was begun whose name an inference could give as that of its session, or no request can name one")
    # The target may well refuse a session that it does not know.
    promise = "nothing of an inference must be kept for naming what was begun before ZDR as its session"
    expect.kept_nowhere(asked, refusable={after.ASKED_WITHIN}, unlike=expect.where(step=after.ASKED_WITHOUT), promise=promise)


@control("ZDR-BLK-19", after=DISTURBED)
def test_nothing_is_kept_of_what_is_refused_right_after_a_disturbance(expect: Expect) -> None:
    expect.about(*DISTURBED)
    attempts = [i for i in expect.some() if "state" in i.labels and i.content == "zdr"]
    expect.kept_nowhere(attempts, promise="nothing of a refused feature request must be kept, whatever happened just before")


@control("ZDR-BLK-13", after=after.policy_limits, watching=FEATURES)
def test_clients_are_told_what_the_backend_refuses(expect: Expect) -> None:
    mine, theirs = expect.one(step="subject reads"), expect.one(step="control reads")
    readable(expect, [mine, theirs])
    for name, feature in expect.profile.features.items():
        key = feature.restriction
        if key is None:
            continue
        if key in closed(expect.profile, theirs):
            used = [i for i in expect.history.interactions.values() if i.organization == "control" and i.labels.get("feature") == name]
            allowed = any(i.outcome == "accepted" for i in used)
            expect.that(not allowed, f"clients of the control organization must not be told that '{key}' is not allowed: it is", theirs)
            raise Inconclusive(f"'{key}' is not allowed for the control organization either")
        said = f"clients of a ZDR organization must be told that '{key}' is not allowed"
        expect.that(key in closed(expect.profile, mine), said, mine)
    if other := unknown_marks(mine, theirs):
        raise Inconclusive(
            f"only clients under ZDR are told '{other}': where that is the target's word for it, 'means' of 'policy_limits.read' must say so"
        )
    expect.that(marked(mine) is not False, "clients of a ZDR organization must be told that it is under ZDR", mine)
    expect.that(not marked(theirs), "clients of an organization without ZDR must not be told that it is under ZDR", theirs)


@control("ZDR-BLK-13", after=after.limits_across_a_switch)
def test_clients_that_poll_their_limits_are_told_of_a_switch(expect: Expect) -> None:
    expect.about(after.limits_across_a_switch)
    read = [expect.one(step=step) for step in ("limits before", "limits under ZDR", "limits afterwards")]
    readable(expect, read)
    for before, now in pairwise(read):
        polls = expect.where(step=f"{now.step}, asked as a poll")
        promise = "right after a switch of ZDR, clients that poll their limits must be told what others are told"
        expect.revalidated(before, now, polls, promise, of=TOLD)
