"""The contract of a policy error: tolerant of wording and language, strict on what it means."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import by_control, interaction, started

from zdr_audit.profile.load import load
from zdr_audit.profile.operation import Refusal
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import Inconclusive, Violated
from zdr_audit.suite.policy_error import ROLE, differs, misleading_words, misleads, refused_here, rule_of, same_kind

RULE = Refusal()
POLICY = "The organization's retention policy does not allow this."


def error(message: str = POLICY, kind: str = "permission_error", **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}


def refusal(number: int, data: Any = None, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "scenario": "blocked.feedback",
        "status": 403,
        "outcome": "refused_by_policy",
        "labels": {"feature": "feedback", "endpoint": "submit"},
        "data": error() if data is None else data,
        "pair": f"p{number}",
    }
    return interaction(number, **(fields | changes))


def expect(*items: Any) -> Expect:
    history = History([started(), *items])
    return Expect(history, load("simulator", {}).profile, "ZDR-BLK-21", ("blocked.feedback",), ("main",))


# -- the same whether the resource exists -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (error(), error() | {"request_id": "req_2"}),
        (error("Session sess_0a1 is blocked by policy."), error("Session sess_9f7 is blocked by policy.")),
        (error(at="2026-11-25T10:00:00Z"), error(at="2026-11-25T10:00:01Z")),
        (None, None),
    ],
)
def test_names_numbers_and_times_may_differ(here: Any, there: Any) -> None:
    assert differs(refusal(1, here), refusal(2, there)) == ""


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (error(), error("No such session. The policy does not allow this."), "/error/message"),
        (error(), error(kind="not_found_error"), "/error/type"),
        (error(), error(kept="until it expires"), "/error/kept"),
        (error(), {"text": "no"}, "/error/message"),
    ],
)
def test_any_other_difference_is_named(here: Any, there: Any, said: str) -> None:
    assert said in differs(refusal(1, here), refusal(2, there))


def test_another_status_is_a_difference() -> None:
    assert differs(refusal(1), refusal(2, status=404)) == "status 403 and 404"


# -- the same everywhere ------------------------------------------------------------------------------------------------------------


def test_the_odd_one_out_is_found() -> None:
    items = [refusal(1), refusal(2), refusal(3, status=411, outcome="client_error", data=error("A length is required.", "api_error"))]
    with pytest.raises(Violated, match="403 permission_error without a code, not 411 api_error without a code") as caught:
        same_kind(expect(), items)
    assert [finding.interaction for finding in caught.value.findings] == ["i-00003"]


def test_refusals_that_agree_hold_in_any_language() -> None:
    same_kind(expect(), [refusal(1), refusal(2, error("Die Richtlinie der Organisation erlaubt das nicht."))])


@pytest.mark.parametrize(("outcome", "told"), [("refused", 1), ("refused_by_policy", 2)])
def test_a_role_that_may_not_use_the_feature_says_nothing_of_the_policy_error(outcome: str, told: int) -> None:
    others = {"feature": "feedback", "endpoint": "submit", ROLE: "billing"}
    worked = interaction(1, scenario="blocked.feedback", organization="control", outcome="accepted", pair="p")
    seen = expect(worked, refusal(2, pair="p"), refusal(3, error("Billing may not do this."), pair="p", labels=others, outcome=outcome))
    assert len(refused_here(seen)) == told


def test_refusals_that_agree_in_being_none_do_not_hold() -> None:
    with pytest.raises(Violated, match="every refusal must be a policy error, and 404 permission_error without a code is none"):
        same_kind(expect(), [refusal(n, status=404, outcome="not_found") for n in range(3)])


def test_the_rule_of_an_endpoint_takes_the_place_of_the_profiles() -> None:
    profile = expect().profile
    feedback = profile.features["feedback"]
    own = Refusal(status=(451,), type_pointer="/kind")
    endpoints = (feedback.endpoints[0].model_copy(update={"refusal": own}), *feedback.endpoints[1:])
    changed = profile.model_copy(update={"features": profile.features | {"feedback": feedback.model_copy(update={"endpoints": endpoints})}})
    first, second = (refusal(1, operation=f"feature:feedback.{e.name}") for e in endpoints[:2])
    assert (rule_of(changed, first), rule_of(changed, second)) == (own, profile.refusal)
    assert rule_of(changed, refusal(2, operation="declared:feedback")) == profile.refusal


def test_only_what_works_without_zdr_is_judged() -> None:
    more: dict[str, Any] = {"scenario": "blocked.feedback", "labels": {"feature": "feedback"}}
    refused = refusal(1)
    assert refused_here(expect(refused, by_control(2, pair="p1", **more))) == [refused]
    with pytest.raises(Inconclusive, match="nothing was refused that works without ZDR"):
        refused_here(expect(refused, by_control(2, pair="p1", status=404, outcome="not_found", **more)))


def test_what_answers_head_has_no_words_to_be_judged() -> None:
    more: dict[str, Any] = {"scenario": "blocked.feedback", "labels": {"feature": "feedback"}}
    worded, silent = refusal(1), refusal(3, method="HEAD", pair="p3", data=None, outcome="denied")
    others = (by_control(2, pair="p1", **more), by_control(4, pair="p3", method="HEAD", **more))
    assert refused_here(expect(worded, silent, *others)) == [worded]


# -- plain and final ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        POLICY,
        "Cloud sessions are disabled by your organization's policy. Contact your organization admin to enable them.",
        "Feedback is not available for organizations with custom data retention policies.",
        "Die Aufbewahrungsrichtlinie Ihrer Organisation erlaubt das nicht.",
        "La politique de l'organisation ne le permet pas.",
        "组织政策不允许此操作。",
    ],
)
def test_a_plain_reason_misleads_nobody(text: str) -> None:
    assert misleads(refusal(1, error(text)), RULE) == ""


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (f"{POLICY} Please try again later.", "for a time only"),
        (f"{POLICY} Versuchen Sie es später.", "for a time only"),
        ("Policy: the session was not found.", "does not exist"),
        ("Policy check failed: an internal error occurred.", "service is at fault"),
        ("Policy: invalid API key.", "credential is at fault"),
    ],
)
def test_what_a_misleading_reason_claims_is_named(text: str, claim: str) -> None:
    assert claim in misleads(refusal(1, error(text)), RULE)


def test_a_header_that_asks_to_try_again_is_named() -> None:
    assert misleads(refusal(1, labels={"retry": "retry-after: 60"}), RULE) == "it asks the client to try again (retry-after: 60)"


def test_each_claim_has_words_in_several_languages() -> None:
    assert all(len(words) >= 5 for words in misleading_words().values())


def test_endpoints_that_refuse_in_a_way_of_their_own_are_held_against_each_other():
    whole = load("simulator", {}).profile
    feature = whole.features["feedback"]
    own = Refusal(types=("forbidden",))
    endpoints = tuple(e.model_copy(update={"refusal": own}) if e.name == "helper" else e for e in feature.endpoints)
    endpoints += (endpoints[0].model_copy(update={"name": "helper", "refusal": own}),)
    profile = whole.model_copy(update={"features": {**whole.features, "feedback": feature.model_copy(update={"endpoints": endpoints})}})
    usual = [refusal(n, operation="feature:feedback.submit") for n in (1, 2, 3)]
    helper = [refusal(n, error(kind="forbidden"), operation="feature:feedback.helper") for n in (4, 5)]
    history = History([started(), *usual, *helper])
    same_kind(Expect(history, profile, "ZDR-BLK-21", ("blocked.feedback",), ("main",)), [*usual, *helper])
    odd = refusal(6, error(kind="not_allowed"), operation="feature:feedback.helper")
    with pytest.raises(Violated, match="403 forbidden without a code, not 403 not_allowed"):
        same_kind(Expect(history, profile, "ZDR-BLK-21", ("blocked.feedback",), ("main",)), [*usual, *helper, odd])
