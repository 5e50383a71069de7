"""Usage analytics that are late are waited for, those that are not never."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import Record, interaction

from suites.administration.scenarios import BY_STREAMS
from suites.administration.test_administration import test_a_user_who_spent_a_small_limit_by_streams_alone_is_stopped as streamer_is_stopped
from suites.administration.test_administration import test_a_user_who_spent_a_small_limit_is_stopped as is_stopped
from suites.administration.test_administration import test_usage_analytics_are_there_and_count as are_counted
from suites.administration.usage import count_of, lacks, spent_by, waited_for
from zdr_audit.journal.events import ScenarioEnded
from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import DoesNotApply, Violated

WINDOW = 5.0
USED = {"a@x.example": 3, "b@x.example": 1}
SCENARIO = "administration.analytics_are_read"


def row(actor: str | None, requests: Any) -> dict[str, Any]:
    return {"actor": actor, "requests": requests}


ALL = (row("a@x.example", 2), row("a@x.example", 1), row("b@x.example", 1))


class Target:
    """Analytics that show what was used so many seconds of waiting later."""

    def __init__(self, lag: float, early: Any = ()) -> None:
        self.lag, self.early, self.waited, self.looks = lag, early, 0.0, 0

    def pause(self, seconds: float) -> None:
        self.waited += seconds

    def read(self) -> Any:
        self.looks += 1
        return ALL if self.waited >= self.lag else self.early


def test_what_is_counted_at_once_is_read_once():
    target = Target(0)
    assert waited_for(USED, WINDOW, target.pause, target.read) == 0
    assert (target.waited, target.looks) == (0, 1)


@pytest.mark.parametrize("early", [(), ALL[:1], ALL[1:], ALL[:2]])
def test_what_is_counted_later_is_waited_for(early):
    target = Target(1.0, early)
    waited = waited_for(USED, WINDOW, target.pause, target.read)
    assert 1.0 <= waited <= WINDOW and target.waited == pytest.approx(waited)


def test_what_is_never_counted_is_waited_for_as_long_as_the_profile_says():
    target = Target(WINDOW + 1)
    assert waited_for(USED, WINDOW, target.pause, target.read) == pytest.approx(WINDOW)
    assert target.looks < 12
    assert waited_for(USED, 0, target.pause, Target(9).read) == 0


def test_analytics_that_are_closed_are_not_waited_for():
    target = Target(9, None)
    assert waited_for(USED, WINDOW, target.pause, target.read) == 0


@pytest.mark.parametrize("rows", [(), ALL[:2], (row("a@x.example", 2), ALL[2]), (row("a@x.example", "3"), ALL[2]), (row(None, 3), ALL[2])])
def test_what_lacks_a_user_or_a_count_is_told(rows):
    assert lacks(rows, USED) and not lacks(ALL, USED)


def test_counts_of_a_user_are_added():
    assert count_of(ALL, "a@x.example") == 3
    assert count_of(ALL, "c@x.example") is None and count_of([row("c@x.example", None)], "c@x.example") is None


def test_costs_of_a_user_are_added_and_what_is_no_number_is_none():
    rows = [{"actor": "a", "cost": 1}, {"actor": "a", "cost": 0.5}, {"actor": "a", "cost": "2"}, {"actor": "b", "cost": 4}, {"actor": "c"}]
    assert [spent_by(rows, who) for who in ("a", "b", "c", "d")] == [1.5, 4.0, None, None]


LIMIT = "administration.a_small_limit"


def beyond(cost: Any, status: int) -> None:
    """A user with a limit of one, of whom the report tells this cost, asks once more and gets this status."""
    record = Record()
    who = {"email": "a@x.example"}
    spent = interaction(40, scenario=LIMIT, step="spend", labels=who)
    read = interaction(
        41, scenario=LIMIT, step="what was spent", operation="analytics.read", data={"items": [{"actor": "a@x.example", "cost": cost}]}
    )
    asked = interaction(42, scenario=LIMIT, step="spend beyond", labels=who, status=status)
    record.interactions += [spent, read, asked]
    record.scenarios.append(ScenarioEnded(name=LIMIT))
    is_stopped(Expect(record.history(), load("simulator", {}).profile, "ZDR-ADM-01", (LIMIT,), ("main",)))


def test_whoever_is_shown_to_have_spent_a_small_limit_is_stopped():
    beyond(1, 402)
    beyond(7, 429)
    with pytest.raises(Violated, match="a user whose limit is 1, and who is shown to have spent 4, must be stopped"):
        beyond(4, 200)


@pytest.mark.parametrize(("cost", "said"), [(0.04, "0.04"), (0, "0"), (None, "nothing")])
def test_a_limit_that_is_not_shown_to_be_spent_says_nothing(cost, said):
    with pytest.raises(DoesNotApply, match=f"shows {said} of what was spent"):
        beyond(cost, 200)


def by_streams(cost: Any, status: int, of_the_other: Any = 4) -> None:
    """A user who only streams, of whom the report tells this cost, asks once more; another one asked in both ways."""
    record = Record()
    who, other = {"email": "s@x.example"}, {"email": "a@x.example"}
    rows = [{"actor": "s@x.example", "cost": cost}, {"actor": "a@x.example", "cost": of_the_other}]
    record.interactions += [
        interaction(39, scenario=LIMIT, step="spend", labels=other),
        interaction(40, scenario=LIMIT, step=f"spend{BY_STREAMS}", labels=who),
        interaction(41, scenario=LIMIT, step=f"what was spent{BY_STREAMS}", operation="analytics.read", data={"items": rows}),
        interaction(42, scenario=LIMIT, step=f"spend beyond{BY_STREAMS}", labels=who, status=status),
    ]
    record.scenarios.append(ScenarioEnded(name=LIMIT))
    streamer_is_stopped(Expect(record.history(), load("simulator", {}).profile, "ZDR-ADM-01", (LIMIT,), ("main",)))


def test_whoever_streams_spends_as_others_do():
    by_streams(4, 402)
    with pytest.raises(Violated, match="shown to have spent 4 by streams alone, must be stopped"):
        by_streams(4, 200)
    with pytest.raises(Violated, match="what is streamed must be counted as spent"):
        by_streams(0, 200)


@pytest.mark.parametrize(("cost", "other"), [(0.5, 4), (0, 0), (0, None), (None, 4)])
def test_of_whoever_is_not_shown_to_have_spent_it_nothing_is_said(cost, other):
    with pytest.raises(DoesNotApply):
        by_streams(cost, 200, other)


def judged(rows: Any, **labels: str) -> None:
    record = Record()
    use = [interaction(40 + n, scenario=SCENARIO, step="use", labels={"email": "a@x.example"}) for n in range(3)]
    other = interaction(43, scenario=SCENARIO, step="a colleague uses", labels={"email": "b@x.example"})
    early = interaction(44, scenario=SCENARIO, step="are the counts there yet", operation="analytics.read", data={"items": []})
    reads = [
        interaction(45 + n, scenario=SCENARIO, step=step, operation="analytics.read", data={"items": rows}, labels=labels)
        for n, step in enumerate(("fresh analytics", "subject analytics"))
    ]
    record.interactions += [*use, other, early, *reads]
    are_counted(Expect(record.history(), load("simulator", {}).profile, "ZDR-ADM-03", (SCENARIO,), ("main",)))


def test_the_last_reading_is_judged():
    judged(list(ALL), waited="1.5")
    judged(list(ALL))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], r"must name the user who was active, 5 s after the last request"),
        (list(ALL[:2]), r"must name every user who was active, 5 s after the last request"),
        (list(ALL[1:]), r"must count the 3 requests of the user, 5 s after the last request"),
        ([row("a@x.example", None), ALL[2]], r"must count the 3 requests of the user, 5 s after the last request"),
    ],
)
def test_what_never_comes_is_a_failure_that_says_how_long_was_waited(rows, said):
    with pytest.raises(Violated, match=said):
        judged(rows, waited="5")
