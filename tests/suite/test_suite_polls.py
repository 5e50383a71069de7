"""What changed is told to whoever polls for it: validators are carried, sent back, and 304 is taken at its word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import Record, interaction
from inside import Lab

from suites.blocked.scenarios import limits_across_a_switch
from suites.blocked.test_bypass import test_clients_that_poll_their_limits_are_told_of_a_switch as told_of_a_switch
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.recorder import clock_offset, validators
from zdr_audit.target.transport import Answer

DATE = "Sat, 31 Jan 2026 12:00:05 GMT"
BEYOND = "Thu, 01 Jan 99999999999999999999 00:00:00 GMT"
EARLIER = "Sat, 31 Jan 2026 12:00:04 GMT"
TAG = {"etag": '"a"'}


# -- what an answer can be asked for again by ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "found"),
    [
        (200, TAG, TAG),
        (200, {}, {}),
        (200, {"etag": ""}, {}),
        (200, {"etag": "x" * 512}, {"etag": "x" * 512}),
        (200, {"etag": "x" * 513}, {}),
        (200, {"last-modified": EARLIER, "date": DATE}, {"last-modified": EARLIER}),
        (200, {"last-modified": DATE, "date": DATE}, {"fresh": "last-modified"}),
        (200, {"last-modified": EARLIER}, {"fresh": "last-modified"}),
        (200, {"last-modified": "yesterday", "date": DATE}, {}),
        (200, {"last-modified": EARLIER, "date": "today", **TAG}, TAG | {"fresh": "last-modified"}),
        (200, {"last-modified": EARLIER, "date": BEYOND, **TAG}, TAG | {"fresh": "last-modified"}),
        (200, {"last-modified": BEYOND, "date": DATE}, {}),
        (304, TAG, {}),
        (404, TAG, {}),
    ],
)
def test_validators_are_those_of_a_whole_answer_that_tell_one_state_from_the_next(
    status: int, headers: dict[str, str], found: dict[str, str]
) -> None:
    assert validators(Answer(status, headers, b"{}", "", "", "")) == found


# -- asking again -------------------------------------------------------------------------------------------------------------------


def test_a_poll_is_the_same_read_with_the_validators_of_before(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("blocked.policy_limits", 0, "quick")
        before = hands.call("policy_limits.read", hands.subject.member, step="read")
        assert set(before.interaction.validators) == {"etag"}
        again = hands.poll("policy_limits.read", hands.subject.member, before, step="poll")
        other = hands.poll("policy_limits.read", hands.control.member, before, step="poll")
    assert again is not None and other is not None
    assert (again.interaction.status, again.interaction.outcome, again.interaction.data) == (304, "not_modified", None)
    assert (other.interaction.status, other.interaction.outcome) == (200, "accepted"), "theirs says something else"


def test_by_several_validators_it_is_asked_with_all_and_with_each(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("blocked.policy_limits", 0, "quick")
        before = hands.call("policy_limits.read", hands.subject.member, step="read")
        dated = before.interaction.model_copy(update={"validators": {**before.interaction.validators, "last-modified": EARLIER}})
        sent: list[dict[str, str]] = []
        whole = lab.transport.send

        def send(outgoing):
            sent.append({k.lower(): v for k, v in outgoing.headers.items() if k.lower().startswith("if-")})
            return whole(outgoing)

        lab.transport.send = send
        hands.poll("policy_limits.read", hands.subject.member, replace(before, interaction=dated), step="poll")
    assert [set(headers) for headers in sent] == [{"if-none-match", "if-modified-since"}, {"if-none-match"}, {"if-modified-since"}]


def test_without_a_validator_nothing_is_sent(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = lab.assay("enablement.the_way_to_zdr", 0, "quick")
        before = hands.call("zdr.status", hands.subject.member, step="read")
        assert hands.poll("zdr.status", hands.subject.member, before, step="poll") is None
        assert len(lab.history().interactions) == 1


# -- judging ------------------------------------------------------------------------------------------------------------------------

OFF, ON = {"status": "disabled", "at": 1}, {"status": "enabled", "at": 2}
UNCHANGED: dict[str, Any] = {"status": 304, "outcome": "not_modified", "accepted": False, "data": None}
SILENT: dict[str, Any] = {"status": None, "outcome": "no_answer", "accepted": False, "error": "timed out"}


def judged(bind: Callable[..., Expect], before: Any, now: Any, *polls: dict[str, Any]) -> Callable[[], None]:
    said = [interaction(3 + n, **poll) for n, poll in enumerate(polls)]
    first, second = interaction(1, data=before), interaction(2, data=now)
    return lambda: bind(Record()).revalidated(first, second, said, "polls must be told", of=("status",))


@pytest.mark.parametrize(
    ("before", "now", "poll"),
    [
        (OFF, ON, {"data": ON}),
        (ON, ON, UNCHANGED),
        (OFF, OFF | {"at": 9}, UNCHANGED),
        (OFF, ON, {"data": ON | {"at": 3}}),
        (OFF, ON, {"status": 412, "outcome": "client_error", "data": None}),
    ],
)
def test_a_poll_may_say_what_everybody_is_told(bind, before: Any, now: Any, poll: dict[str, Any]) -> None:
    judged(bind, before, now, poll)()


@pytest.mark.parametrize(("poll", "status"), [(UNCHANGED, 304), ({"data": OFF}, 200)])
def test_a_poll_must_not_be_told_what_was_so_before(bind, poll: dict[str, Any], status: int) -> None:
    message, (finding,) = violated(judged(bind, OFF, ON, {"data": ON}, poll))
    assert message == f"polls must be told, but: i-00004 subject.member POST /v1/messages -> {status}"
    assert finding.interaction == "i-00004"


def test_of_no_poll_nothing_is_said_and_one_without_answer_says_nothing(bind) -> None:
    judged(bind, OFF, ON)()
    said = "no decision from the target: i-00003 subject.member POST /v1/messages -> timed out"
    assert inconclusive(judged(bind, OFF, ON, SILENT)) == said


# -- from end to end ----------------------------------------------------------------------------------------------------------------


def across_a_switch(lab: Lab) -> Expect:
    limits_across_a_switch.drive(lab.assay(limits_across_a_switch.name, 0, "quick"))
    return Expect(lab.history(), lab.profile, "ZDR-BLK-13", (limits_across_a_switch.name,), ("main",))


def test_limits_are_polled_across_enabling_and_across_disabling(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = across_a_switch(lab)
        told_of_a_switch(expect)
    read = [(i.step, i.status) for i in expect.interactions if i.operation == "policy_limits.read"]
    assert read == [
        ("limits of long ago", 200),
        ("limits before", 200),
        ("limits under ZDR, asked as a poll", 200),
        ("limits under ZDR", 200),
        ("limits afterwards, asked as a poll", 200),
        ("limits afterwards", 200),
    ]


def test_a_tag_that_does_not_follow_the_switch_is_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "blk-limits-tag-goes-by-the-plan") as lab:
        expect = across_a_switch(lab)
        message, _ = violated(lambda: told_of_a_switch(expect))
    promise = "right after a switch of ZDR, clients that poll their limits must be told what others are told, but: "
    assert message.startswith(promise) and message.endswith("GET /api/claude_code/policy_limits -> 304")


@pytest.mark.parametrize("date", [BEYOND, "Thu, 01 Jan 2026 00:00:00 +99999999999999", "today", ""])
def test_a_date_that_is_none_says_nothing_of_the_clock(date: str) -> None:
    assert clock_offset(Answer(200, {"date": date}, b"", "", "2026-11-27T12:00:00+00:00", "2026-11-27T12:00:01+00:00")) is None
