"""A source must show the control organization's content for the whole run: one that stops early is behind, one that begins late is said to."""

from __future__ import annotations

from random import Random

import pytest
from engine_events import STORES, Record, by_control, canary, catalogue, hit, interaction, source_read

from zdr_audit.report.model import ControlResult
from zdr_audit.verdict.behind import begins_late, behind
from zdr_audit.verdict.judge import judge

READ = "2026-11-23T13:00:00+00:00"


def at(minute: int) -> str:
    return f"2026-11-23T12:{minute:02d}:00.000000+00:00"


def record(shown: set[int], kinds: int = 1, count: int = 40, source: str = "log") -> Record:
    """The control organization asked once a minute, of each kind in turn; the source shows these minutes alone, and the other sources all."""
    made = Record()
    made.reads = [read.model_copy(update={"at": READ}) for read in made.reads]
    asked = [
        by_control(200 + n, ended_at=at(n), stimulus={"stream": True, "turns": n % kinds}, canaries=(f"c-{200 + n:05d}",))
        for n in range(count)
    ]
    made.interactions += asked
    made.canaries += [canary(200 + n, item) for n, item in enumerate(asked)]
    for reading in ("first", "settled"):
        for one in ("db", "log", "api"):
            seen = shown if one == source else set(range(count))
            made.read(one, [hit("c-00011", one), *(hit(f"c-{200 + n:05d}", one) for n in sorted(seen))], reading=reading, at=READ)
    return made


def result(made: Record) -> ControlResult:
    return next(c for c in judge(made.history(), catalogue(), "d" * 64).controls if c.id == STORES)


def gaps(made: Record, source: str = "log") -> tuple[bool, bool]:
    history = made.history()
    (read,) = [r for r in history.reads if r.outcome.source == source and r.reading == "settled"]
    return behind(history, read) is not None, begins_late(history, read) is not None


def test_a_source_that_shows_nothing_of_what_came_last_is_behind():
    found = result(record(set(range(20))))
    assert found.verdict == "inconclusive"
    assert found.reason == (
        "the source log is behind (main epoch, settled reading): it shows none of the last 20 requests of the control organization, "
        "since i-00220, though it shows such as these; perhaps it is a copy, or is written later"
    )


def test_one_that_shows_the_very_first_request_alone_is_behind_too():
    assert gaps(record({0})) == (True, False)


def test_a_first_reading_may_be_behind():
    made = record(set(range(40)))
    made.read("log", [hit("c-00011", "log"), hit("c-00200", "log")], reading="first", at=READ)
    assert result(made).verdict == "pass"


def test_a_window_on_the_latest_requests_passes_and_is_said_to_be_one():
    found = result(record(set(range(25, 40))))
    assert found.verdict == "pass"
    assert found.reason.endswith("; nothing of the first requests is in view in log")


@pytest.mark.parametrize(
    "shown",
    [
        set(range(40)),
        set(range(39)),
        {n for n in range(40) if n % 10 == 3},
        {n for n in range(40) if n % 2},
        {12},
        set(),
    ],
    ids=["all", "all but the last", "one in ten", "every other", "one in the middle", "none"],
)
def test_what_a_sample_leaves_out_is_no_gap(shown):
    made = record(shown)
    assert not gaps(made)[0]
    assert result(made).verdict == "pass"


def test_kinds_that_a_source_never_keeps_are_not_missed():
    made = record({n for n in range(20) if n % 4 == 0} | {n for n in range(20, 40) if n % 4 == 0}, kinds=4)
    assert gaps(made) == (False, False)
    stopped = record({n for n in range(20) if n % 4 == 0}, kinds=4)
    assert gaps(stopped) == (True, False)


UNSEEN = {"ended_at": at(55), "stimulus": {"stream": True, "turns": 0}, "canaries": ("c-00999",)}


@pytest.mark.parametrize(
    "changes",
    [
        {"organization_id": "a-org"},
        {"organization_id": "z-org"},
        {"content": "zdr"},
        {"content": "exception"},
        {"content": "not_covered"},
        {"accepted": False},
        {"stimulus": None},
        {"canaries": ()},
        {"epoch": "late"},
        {"epoch": "minimise"},
        {"ended_at": "2026-11-23T13:30:00+00:00"},
    ],
    ids=lambda changes: "-".join(f"{key}-{value}" for key, value in changes.items()),
)
def test_what_others_asked_what_was_not_accepted_and_what_comes_later_is_not_missed(changes):
    made = record(set(range(40)))
    made.interactions += [by_control(n, **(UNSEEN | changes)) for n in range(60, 90)]
    assert gaps(made) == (False, False)
    made.interactions += [by_control(n, **UNSEEN) for n in range(90, 120)]
    assert gaps(made) == (True, False)


def test_another_organizations_requests_are_not_missed_either():
    made = record(set(range(40)))
    made.interactions += [interaction(n, **UNSEEN) for n in range(60, 90)]
    assert gaps(made) == (False, False)


def test_the_order_in_which_a_stimulus_is_told_makes_no_other_kind():
    made = record(set(range(20)))
    told_otherwise = {"turns": 0, "stream": True}
    made.interactions = [
        item.model_copy(update={"stimulus": told_otherwise}) if item.ended_at >= at(20) and item.id >= "i-00220" else item
        for item in made.interactions
    ]
    assert gaps(made) == (True, False)


@pytest.mark.parametrize(("missing", "found"), [(9, False), (10, True)])
def test_a_gap_is_one_from_a_chance_of_one_in_a_thousand(missing, found):
    """One of one that is shown: none of `missing` more is as probable as tossing heads so many times."""
    assert gaps(record({0}, count=1 + missing)) == (found, False)
    assert gaps(record({missing}, count=1 + missing)) == (False, found)


def test_of_what_came_before_a_source_that_shows_few_shows_none():
    assert gaps(record({10, 12})) == (False, False), "2 of the 30 since: nothing of the 10 before is no wonder"


def test_a_violation_in_a_source_that_is_behind_stays_one():
    made = record(set(range(20)))
    made.check(STORES, "violated", "content was kept")
    assert result(made).verdict == "fail"


@pytest.mark.parametrize("part", [0.02, 0.1, 0.5, 0.9])
def test_samples_of_any_size_are_hardly_ever_taken_for_a_gap(part):
    random = Random(7)
    wrong = sum(gaps(record({n for n in range(40) if random.random() < part}))[0] for _ in range(40))
    assert wrong <= 2


def test_the_edge_itself_is_shown():
    history = record(set(range(20))).history()
    read = source_read("log", [hit(f"c-{200 + n:05d}", "log") for n in range(20)], at=READ)
    gap = behind(history, read)
    assert gap is not None and (gap.requests, gap.first.id, gap.last.id) == (20, "i-00220", "i-00239")
    read = source_read("log", [hit(f"c-{200 + n:05d}", "log") for n in range(20, 40)], at=READ)
    gap = begins_late(history, read)
    assert gap is not None and (gap.requests, gap.first.id, gap.last.id) == (20, "i-00200", "i-00219")
