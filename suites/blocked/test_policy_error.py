"""What makes a refusal a policy error: the same wherever it comes from, silent about what exists, final, and plain about its reason."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import Inconclusive
from zdr_audit.suite.policy_error import differs, misleads, refused_here, rule_of, same_kind

from . import scenarios as after
from .disturbed import features_after_administration
from .test_bypass import FORMS
from .test_features import ALL


@control("ZDR-BLK-20", after=after.everything_begun_before)
def test_a_refusal_does_not_tell_whether_the_resource_exists(expect: Expect) -> None:
    for how in ("", ", if it changed"):
        existing = {(i.labels["feature"], i.labels["endpoint"]): i for i in expect.where(step=f"existing{how}")}
        expect.dealt_with(existing.values())
        for missing in expect.where(step=f"missing{how}") if how else expect.some(step="missing"):
            expect.dealt_with([missing])
            there = existing[missing.labels["feature"], missing.labels["endpoint"]]
            difference = differs(there, missing)
            expect.that(not difference, f"a refusal must be the same whether the resource exists or not{how}: {difference}", missing)


@control("ZDR-BLK-21", after=(*ALL, *FORMS, after.clients_that_claim_things))
def test_the_policy_error_is_the_same_everywhere(expect: Expect) -> None:
    same_kind(expect, refused_here(expect))


@control("ZDR-BLK-21", after=(*ALL, features_after_administration))
def test_the_policy_error_is_the_same_whatever_was_administered(expect: Expect) -> None:
    expect.about(features_after_administration)
    same_kind(expect, refused_here(expect))


@control("ZDR-BLK-22", after=(*ALL, after.everything_begun_before))
def test_the_policy_error_is_final_and_echoes_nothing(expect: Expect) -> None:
    refused = [i for i in refused_here(expect) if i.outcome == "refused_by_policy"]
    if not refused:
        raise Inconclusive("no refusal was a policy error, so there is none whose words could be judged")
    for item in refused:
        problem = misleads(item, rule_of(expect.profile, item))
        expect.that(not problem, f"the policy error must be plain and final: {problem}", item)
    expect.echoes_nothing(refused, "the policy error must not echo content, neither in its body nor in its headers")
