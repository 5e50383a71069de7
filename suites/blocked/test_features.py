"""Features that need storage are refused for a ZDR organization, in the backend, and work for others."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.policy_error import of_entitled

from . import scenarios as after

NAMED = (after.web_sessions, after.remote_sessions, after.feedback)
ALL = (*NAMED, after.other_features)


def _refused(expect: Expect, what: str, *, helper: bool = False) -> None:
    attempts = expect.some(organization="subject", helper=str(helper).lower())
    expect.not_served(expect.works_without_zdr(attempts), f"{what} must be refused for a ZDR organization")


@control("ZDR-BLK-01", after=after.web_sessions)
def test_claude_code_on_the_web_is_refused(expect: Expect) -> None:
    _refused(expect, "Claude Code on the web")


@control("ZDR-BLK-02", after=after.remote_sessions)
def test_remote_sessions_are_refused(expect: Expect) -> None:
    _refused(expect, "remote sessions")


@control("ZDR-BLK-03", after=after.feedback)
def test_feedback_is_refused(expect: Expect) -> None:
    _refused(expect, "feedback")


@control("ZDR-BLK-04", after=after.other_features)
def test_the_other_features_that_need_storage_are_refused(expect: Expect) -> None:
    _refused(expect, "a feature that needs storage")


@control("ZDR-BLK-05", after=after.declared_features)
def test_features_that_only_the_document_declares_are_refused(expect: Expect) -> None:
    attempts = expect.works_without_zdr(expect.some(organization="subject", step="use"))
    expect.not_served(attempts, "a feature declared as needing storage must be refused although nobody listed it")


@control("ZDR-BLK-09", after=ALL, counting="control")
def test_organizations_without_zdr_can_use_the_features(expect: Expect) -> None:
    expect.served(expect.some(organization="control"), "an organization without ZDR must be able to use the feature")


@control("ZDR-BLK-10", after=ALL)
def test_a_refusal_is_a_policy_error(expect: Expect) -> None:
    refused = of_entitled(i for i in expect.works_without_zdr(expect.some(organization="subject")) if not i.served)
    expect.dealt_with(refused)
    expect.every(
        refused, lambda i: i.outcome == "refused_by_policy", "the refusal must be a policy error that names the organization's policy"
    )
    expect.echoes_nothing(refused, "the refusal must not echo the body")


@control("ZDR-BLK-11", after=ALL)
def test_helper_endpoints_are_refused_too(expect: Expect) -> None:
    _refused(expect, "a helper endpoint of a blocked feature", helper=True)
