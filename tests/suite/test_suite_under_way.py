"""Something is done to whoever asked while a request is under way: it is done in time, and judged where it was."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from bound import inconclusive, violated
from engine_events import canary, hit, interaction, source_read, started
from inside import Lab

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.party import Actor
from zdr_audit.target.dialects.anthropic import AnthropicMessages

while_it_is_asked = importlib.import_module("suites.retention.under_way").while_it_is_asked
RETENTION, CHECKS = (importlib.import_module(f"suites.retention.{name}") for name in ("scenarios", "test_in_flight"))
REVOKED: Scenario = RETENTION.requests_with_a_revoked_key
REVOKING_KEEPS = CHECKS.test_what_is_under_way_while_its_key_is_revoked_is_not_kept
CASES = (
    (RETENTION.requests_with_a_revoked_key, "key.revoke"),
    (RETENTION.requests_of_a_closed_organization, "organization.delete"),
    (RETENTION.requests_over_a_limit, "cost.set"),
)
each = pytest.mark.parametrize(("scenario", "operation"), CASES, ids=lambda value: getattr(value, "name", value))


def driven(lab: Lab, scenario: Scenario, **changes: Any) -> list[Interaction]:
    """What a scenario sends, one after the other: the laboratory deals with one request at a time."""
    assay = lab.assay(scenario.name, 1, "quick")
    changes["parallel"] = lambda jobs: [job() for job in jobs]
    for name, value in changes.items():
        setattr(assay, name, value)
    scenario.drive(assay)
    return list(lab.history().interactions.values())


# -- sending ------------------------------------------------------------------------------------------------------------------------


@each
def test_it_is_done_beside_a_stream_and_a_body_that_do_not_count(tmp_path: Path, scenario: Scenario, operation: str) -> None:
    with Lab(tmp_path) as lab:
        sent = driven(lab, scenario)
        minted = lab.history().canaries.values()
    asked = [i for i in sent if i.step == "ask while it is done"]
    (changed,) = [i for i in sent if i.operation == operation]
    assert sorted((i.stimulus or {}).get("stream", False) for i in asked) == [False, True]
    assert all(i.content == "zdr" and not i.counts and changed.started_at > i.started_at for i in asked)
    assert changed.labels["during"] == "a request" and changed.accepted
    assert all({c.kind for c in minted if c.interaction == i.id} == {"prompt", "response"} for i in asked)


@each
def test_without_streams_it_is_done_while_a_body_is_coming(tmp_path: Path, scenario: Scenario, operation: str) -> None:
    with Lab(tmp_path) as lab:
        sent = driven(lab, scenario, offered=AnthropicMessages.features - {"stream"})
    (asked,) = [i for i in sent if i.step == "ask while it is done"]
    (changed,) = [i for i in sent if i.operation == operation]
    assert changed.accepted and changed.started_at > asked.started_at and not (asked.stimulus or {}).get("stream")


class PutOff:
    """Stands for an assay whose target puts the change off until so many bodies have come; each waits for the one before."""

    profile = load("simulator", {}).profile

    def __init__(self, bodies: int) -> None:
        self.bodies = [threading.Event() for _ in range(bodies)]
        self.trying, self.made = threading.Event(), threading.Event()
        self.asked = 0

    def can_say(self, _: object) -> bool:
        return False

    def pause(self, _: float) -> None:
        pass

    def parallel(self, jobs: list[Callable[[], None]]) -> None:
        with ThreadPoolExecutor(len(jobs)) as pool:
            for job in [pool.submit(job) for job in reversed(jobs)]:
                job.result(20)

    def infer(self, *_: object, **__: object) -> None:
        self.asked += 1
        if self.asked <= len(self.bodies):
            self.trying.wait(20)
            self.bodies[self.asked - 1].set()
        else:
            self.made.wait(20)

    def change(self, _: object) -> None:
        self.trying.set()
        assert all(body.wait(20) for body in self.bodies)
        self.made.set()


@pytest.mark.parametrize("bodies", [1, 2, 5])
def test_where_the_change_is_put_off_another_body_is_coming_when_it_is_made(bodies: int) -> None:
    assay = PutOff(bodies)
    while_it_is_asked(cast(Assay, assay), cast(Actor, None), assay.change)
    assert assay.asked in (bodies, bodies + 1)


# -- judging ------------------------------------------------------------------------------------------------------------------------


def at(second: int) -> str:
    return f"2026-11-23T12:00:{second:02d}.000000+00:00"


def asked(number: int = 1, *, begun: int = 1, ended: int = 9, **changes: Any) -> Interaction:
    when: dict[str, Any] = {"started_at": at(begun), "ended_at": at(ended), "canaries": (f"c-{number:05d}",), "stimulus": {"stream": True}}
    return interaction(number, scenario=REVOKED.name, step="ask while it is done", counts=False, **(when | changes))


def revoked(second: int = 4, **changes: Any) -> Interaction:
    about: dict[str, Any] = {"operation": "key.revoke", "content": "none", "labels": {"during": "a request"}}
    about |= {"started_at": at(second), "ended_at": at(second + 1)}
    return interaction(50, scenario=REVOKED.name, step="revoke the key", **(about | changes))


def judged(*items: Interaction, kept: str | None = None) -> None:
    minted = [canary(int(i.id[2:]), i) for i in items if i.canaries]
    read = source_read("db", [hit(kept)] if kept else [])
    REVOKING_KEEPS(
        Expect(History([started(), *minted, *items, read]), load("simulator", {}).profile, "ZDR-RET-20", (REVOKED.name,), ("main",))
    )


def test_what_was_under_way_and_left_nothing_is_as_it_should_be() -> None:
    judged(asked(), revoked())
    judged(asked(outcome="malformed", accepted=False), revoked())
    judged(asked(stimulus={}), revoked())
    judged(asked(), asked(2, stimulus={}, ended=3), revoked(), kept="c-00002")  # that one was over before
    judged(asked(ended=3), asked(2, stimulus={}), revoked())  # a short answer comes at once


def test_what_was_under_way_and_is_kept_is_found() -> None:
    message, (finding,) = violated(lambda: judged(asked(), revoked(), kept="c-00001"))
    assert message.startswith("nothing of what is under way while its key is revoked must be kept")
    assert finding.interaction == "i-00001"
    violated(lambda: judged(asked(ended=5), revoked(ended_at=at(9)), kept="c-00001"))
    violated(lambda: judged(asked(), asked(2, stimulus={}), revoked(), kept="c-00002"))
    violated(lambda: judged(asked(stimulus={}, status=401, outcome="denied", accepted=False), revoked(), kept="c-00001"))


@pytest.mark.parametrize(
    "items",
    [
        (asked(ended=3), revoked()),
        (asked(begun=5), revoked()),
        (asked(), revoked(labels={})),
        (asked(), revoked(outcome="denied", status=403, accepted=False)),
        (asked(status=None, outcome="no_answer", accepted=False), revoked()),
        (asked(),),
    ],
    ids=[
        "it was over",
        "it had not begun",
        "it was done before",
        "it was not done",
        "it never came",
        "nothing was done",
    ],
)
def test_where_no_answer_was_coming_nothing_is_proved(items: tuple[Interaction, ...]) -> None:
    assert inconclusive(lambda: judged(*items)) == "no answer was coming when this was done: its key is revoked"


def test_where_nothing_was_asked_nothing_is_proved() -> None:
    assert inconclusive(lambda: judged(revoked())).startswith("the record has no interaction with")
