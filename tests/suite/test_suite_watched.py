"""A log without content says something only where content was sent."""

from __future__ import annotations

from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import Record, interaction

from suites.audit_log.test_log import TRAFFIC
from suites.audit_log.test_log import test_the_log_carries_no_content as carries_no_content
from zdr_audit.journal.events import Interaction, ScenarioEnded
from zdr_audit.suite.expect import Expect

LOGS = "audit_log.logs_after_all_the_traffic"


def page(number: int, step: str, *items: dict[str, Any], **changes: Any) -> Interaction:
    fields: dict[str, Any] = {"scenario": LOGS, "step": step, "operation": "audit.list", "data": {"items": list(items)}}
    return interaction(number, **(fields | changes))


def audited(profile, *sent: Interaction, broken: str | None = None, **log: Any) -> Expect:
    """The logs were read, and these requests sent before; the scenarios of the traffic ended well, or broke off."""
    record = Record()
    named = page(80, "a reference to be found again", operation="zdr.request", labels={"marker": "zdrref-1"})
    logs = (page(81, "reference log", {"id": "a", "reference": "zdrref-1"}), page(82, "control log"), page(83, "subject log", **log))
    record.interactions = [*sent, named, *logs]
    for item in sent:
        record.canaries = [c.model_copy(update={"interaction": item.id}) if c.id in item.canaries else c for c in record.canaries]
    record.scenarios = [ScenarioEnded(name=LOGS), *(ScenarioEnded(name=item.name, error=broken) for item in TRAFFIC)]
    return Expect(record.history(), profile, "ZDR-AUD-07", (LOGS,), ("main",))


def asked(**changes: Any) -> Interaction:
    return interaction(1, **({"scenario": TRAFFIC[0].name, "canaries": ("c-00001",)} | changes))


@pytest.mark.parametrize(
    "sent",
    [
        asked(),
        asked(scenario=TRAFFIC[3].name, status=403, outcome="refused_by_policy"),
        asked(scenario=TRAFFIC[2].name, status=400, outcome="client_error"),
    ],
    ids=["served", "a feature that is blocked", "a request in error"],
)
@pytest.mark.parametrize("broken", [None, "ScenarioBroken: no session"])
def test_a_log_without_the_content_that_was_sent_holds_though_other_traffic_broke_off(profile, sent, broken):
    expect = audited(profile, sent, broken=broken)
    carries_no_content(expect)
    assert expect.weighed


@pytest.mark.parametrize(
    "sent",
    [
        (),
        (asked(accepted=False, status=503, outcome="server_error"),),
        (asked(accepted=False, status=None, outcome="no_answer"),),
        (asked(canaries=()),),
        (asked(content="standard", organization="control"),),
        (asked(scenario="retention.generated_shapes"),),
    ],
    ids=["nothing", "failed", "unanswered", "without content", "of the control organization", "elsewhere"],
)
def test_a_log_says_nothing_where_no_content_was_sent(profile, sent):
    for broken, why in ((None, ""), ("ScenarioBroken: 503", f" (first: {TRAFFIC[0].name}: ScenarioBroken: 503)")):
        expect = audited(profile, *sent, broken=broken)
        assert inconclusive(lambda expect=expect: carries_no_content(expect)) == (
            f"none of the content that {len(TRAFFIC)} scenarios send under ZDR was dealt with{why}, so finding none says nothing"
        )


def test_content_in_a_log_is_a_violation_whatever_was_sent_else(profile):
    expect = audited(profile, echoes=("c-00001",))
    message, _ = violated(lambda: carries_no_content(expect))
    assert message.startswith("the audit log must carry no prompt or answer, but")
