"""What was answered is asked for again by what the answer calls itself; what was said of a session, a contract, a date is judged by what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inside import Lab

from suites.enablement.scenarios import enabling_without_review
from suites.enablement.test_enablement import test_nothing_is_enabled_without_an_approved_review as not_enabled
from suites.exceptions.scenarios import two_holds_on_a_session
from suites.exceptions.test_exceptions import test_a_hold_stands_until_it_is_released_itself as hold_stands
from suites.retention.scenarios import answers_asked_for_again
from suites.retention.test_remains import test_no_answer_can_be_asked_for_again as not_had_again
from zdr_audit.suite.answers import answer_id
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import Violated
from zdr_audit.target.transport import Answer

STREAM = {"content-type": "text/event-stream"}


def _answer(body: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(200, headers or {"content-type": "application/json"}, body.encode(), "", "", "")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (_answer('{"id": "msg_1", "type": "message"}'), "msg_1"),
        (_answer('event: message_start\ndata: {"type": "message_start", "message": {"id": "msg_2"}}\n\n', STREAM), "msg_2"),
        (_answer('data: {"id": "chatcmpl-3", "choices": []}\n\ndata: [DONE]\n\n', STREAM), "chatcmpl-3"),
        (_answer('data: {"type": "response.created", "response": {"id": "resp_4"}}\n\n', STREAM), "resp_4"),
        (_answer("data: ping\n\ndata: [1]\n\n", STREAM), ""),
        (_answer('{"id": 5}'), ""),
        (_answer('{"id": ""}'), ""),
        (_answer(json.dumps({"id": "x" * 201})), ""),
        (_answer("no JSON at all"), ""),
        (Answer(None, {}, b"", "timed out", "", ""), ""),
    ],
)
def test_an_answer_is_called_what_it_calls_itself(answer: Answer, name: str) -> None:
    assert answer_id(answer) == name


def _driven(tmp_path: Path, scenario, control: str, violation: str | None = None) -> Expect:
    with Lab(tmp_path, violation) as lab:
        scenario.drive(lab.assay(scenario.name, 0, "quick"))
        return Expect(lab.history(), lab.profile, control, (scenario.name,), (scenario.epoch,))


def test_answers_are_asked_for_by_their_ids_and_by_those_of_their_requests(tmp_path: Path) -> None:
    expect = _driven(tmp_path, answers_asked_for_again, "ZDR-RET-17")
    again = expect.where(step="ask for it again", organization="subject")
    assert [i.path.rpartition("/")[0] for i in again] == ["/v1", "/v1/messages", "/v1/messages"] * 2
    assert {i.status for i in again} == {404, 405} and not any(i.counts for i in again)
    not_had_again(expect)


@pytest.mark.parametrize(
    ("scenario", "check", "control", "violation", "said"),
    [
        (answers_asked_for_again, not_had_again, "ZDR-RET-17", "ret-answers-can-be-fetched-again", "must not be had again"),
        (two_holds_on_a_session, hold_stands, "ZDR-EXC-05", "exc-one-release-ends-all-holds", "must leave another"),
        (enabling_without_review, not_enabled, "ZDR-ENB-03", "enb-contract-box-on-any-plan", "must not come with another product"),
    ],
)
def test_who_does_otherwise_is_found_and_nobody_else(tmp_path: Path, scenario, check, control, violation, said) -> None:
    check(_driven(tmp_path / "compliant", scenario, control))
    with pytest.raises(Violated, match=said):
        check(_driven(tmp_path / "broken", scenario, control, violation))
