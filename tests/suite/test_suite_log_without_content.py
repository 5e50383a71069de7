"""The audit log carries no content: what is seen of it outranks what was not read of it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import Record, interaction

from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect

LOG = importlib.import_module("suites.audit_log.test_log")
CHECK, TRAFFIC = LOG.test_the_log_carries_no_content, LOG.TRAFFIC
SCENARIO = "audit_log.logs_after_all_the_traffic"
FAILED: dict[str, Any] = {"status": 429, "outcome": "rate_limited", "accepted": False, "data": None}


def log(number: int, step: str, **changes: Any) -> Any:
    return interaction(number, scenario=SCENARIO, step=step, operation="audit.list", **({"data": {"items": []}} | changes))


def judged(*subject: dict[str, Any], reference: str = "ref-1") -> None:
    record = Record()
    record.interactions += [
        interaction(59, scenario=TRAFFIC[0].name, canaries=("c-00001",)),
        interaction(60, scenario=SCENARIO, step="a reference to be found again", labels={"marker": "ref-1"}),
        *(log(61 + n, "subject log", **page) for n, page in enumerate(subject)),
        log(80, "control log"),
        log(81, "reference log", data={"items": [{"reference": reference}]}),
    ]
    CHECK(Expect(record.history(), load("simulator", {}).profile, "ZDR-AUD-07", (SCENARIO,), ("main",)))


def test_logs_without_content_that_were_read_to_their_end_hold():
    judged({})
    judged({"labels": {"more": "true"}}, {})


@pytest.mark.parametrize("pages", [({"labels": {"more": "true"}}, FAILED), ({}, {"labels": {"more": "true"}})], ids=["failed", "cut"])
def test_a_log_that_was_not_read_to_its_end_may_carry_content_further_on(pages):
    assert "the list " in inconclusive(lambda: judged(*pages))


def test_without_our_own_reference_nothing_is_said():
    assert "our own reference was not found" in inconclusive(lambda: judged({}, reference="another"))


@pytest.mark.parametrize("then", [{}, FAILED, {"labels": {"more": "true"}}], ids=["whole", "failed", "cut"])
def test_content_on_a_page_that_was_read_is_a_violation(then):
    message, _ = violated(lambda: judged({"echoes": ("c-00001",)}, then, reference="another"))
    assert message.startswith("the audit log must carry no prompt or answer")
