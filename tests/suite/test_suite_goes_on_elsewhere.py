"""Another session that begins as a flagged or a held one did: what it says beyond that is kept no more than what any other session says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bound import violated
from engine_events import hit, source_read, started
from inside import Lab

from suites.exceptions.scenarios import GOES_ON
from suites.exceptions.scenarios import a_flagged_session_and_a_legal_hold as story
from suites.exceptions.test_exceptions import (
    test_a_flagged_session_does_not_cause_others_to_be_kept as keeps_no_other,
)
from suites.exceptions.test_exceptions import (
    test_a_hold_keeps_only_what_it_names_and_only_until_its_release as keeps_what_it_names,
)
from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.target.transport import Answer, Outgoing

FLAGGED, HELD = "ask in the flagged session", "ask in the held session"


class Told:
    """What the scenario sent at depth quick: its record, and the messages of each request for inference."""

    def __init__(self, folder: Path, *, without: str = "") -> None:
        self.messages: list[list[dict[str, Any]]] = []
        with Lab(folder) as lab:
            send = lab.transport.send

            def listen(outgoing: Outgoing) -> Answer:
                if outgoing.operation == "messages.create":
                    self.messages.append(json.loads(outgoing.body or b"{}")["messages"])
                return send(outgoing)

            lab.transport.send = listen  # type: ignore[method-assign]
            assay = lab.assay(story.name, 0, "quick")
            assay.offered -= {without}
            story.drive(assay)
            self.events = [started(organizations={n: p.id for n, p in lab.parties.items()}), *lab.journal.events()]
        self.sent = [i for i in History(self.events).interactions.values() if i.operation == "messages.create"]
        assert len(self.sent) == len(self.messages)

    def said(self, step: str) -> list[list[dict[str, Any]]]:
        return [messages for item, messages in zip(self.sent, self.messages, strict=True) if item.step == step]

    def of(self, step: str) -> list[Any]:
        return [item for item in self.sent if item.step == step]

    def expect(self, control: str, *kept: str) -> Expect:
        """The record, of which a store keeps these canaries."""
        read = source_read("db", [hit(canary) for canary in kept])
        return Expect(History([*self.events, read]), load("simulator", {}).profile, control, (story.name,), ("main",))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("told"))


def test_each_begins_with_the_very_messages_of_the_exceptional_session(told: Told) -> None:
    first, second = told.said(FLAGGED)
    fork, resumed = told.said(GOES_ON["flag"])
    (held,), (beside,) = told.said(HELD), told.said(GOES_ON["hold"])
    for whole, begun in ((second, first), (fork, first), (resumed, second), (beside, held)):
        assert whole[: len(begun)] == begun and len(whole) == len(begun) + 2
    assert fork[-1] != second[-1]


@pytest.mark.parametrize(("step", "exceptional"), [(GOES_ON["flag"], FLAGGED), (GOES_ON["hold"], HELD)])
def test_what_they_say_is_theirs_and_another_session(told: Told, step: str, exceptional: str) -> None:
    excepted = {canary for item in told.of(exceptional) for canary in item.canaries}
    for item in told.of(step):
        assert item.accepted and item.content == "zdr" and item.canaries and not excepted & set(item.canaries)
        assert item.stimulus["session"] not in {other.stimulus["session"] for other in told.of(exceptional)}
        assert not item.counts


@pytest.mark.parametrize(
    ("check", "control", "step", "exceptional", "said"),
    [
        (keeps_no_other, "ZDR-EXC-01", GOES_ON["flag"], FLAGGED, "a flagged session must not cause other sessions to be kept"),
        (keeps_what_it_names, "ZDR-EXC-05", GOES_ON["hold"], HELD, "a legal hold must keep only what it names, until its release"),
    ],
)
def test_that_they_are_kept_is_found_and_what_they_repeat_may_be(
    told: Told, check: Any, control: str, step: str, exceptional: str, said: str
) -> None:
    check(told.expect(control, *(canary for item in told.of(exceptional) for canary in item.canaries)))
    for item in told.of(step):
        message, (finding,) = violated(lambda item=item: check(told.expect(control, item.canaries[0])))
        assert message.startswith(said) and finding.interaction == item.id


def test_a_target_that_refuses_them_is_judged_by_the_others(told: Told) -> None:
    for check, control in ((keeps_no_other, "ZDR-EXC-01"), (keeps_what_it_names, "ZDR-EXC-05")):
        expect = told.expect(control)
        refused = {"status": 400, "outcome": "client_error", "accepted": False}
        expect.interactions[:] = [i.model_copy(update=refused) if i.step in GOES_ON.values() else i for i in expect.interactions]
        check(expect)
        assert expect.weighed


def test_where_no_earlier_turns_can_be_said_none_begins_so(tmp_path: Path) -> None:
    told = Told(tmp_path, without="turns")
    assert not told.of(GOES_ON["flag"]) and not told.of(GOES_ON["hold"]) and len(told.of(FLAGGED)) == 2
    keeps_no_other(told.expect("ZDR-EXC-01"))
    keeps_what_it_names(told.expect("ZDR-EXC-05"))
