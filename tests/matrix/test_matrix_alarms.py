"""What only several harmless variants together show: it is kept, with the fewest that show it, and said."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdr_audit.matrix.build import build
from zdr_audit.matrix.cases import choose
from zdr_audit.matrix.command import complaint
from zdr_audit.matrix.model import Alarm, Harmless, Matrix
from zdr_audit.matrix.page import render
from zdr_audit.matrix.work import Job
from zdr_audit.matrix.write import brought_up

from .samples import matrix, report, variant

NAMES = [f"ben-{letter}" for letter in "abcdefghijkl"]
Fails = Callable[[Job], set[str]]


class Played:
    """In place of processes: each audit fails the controls that `fails` says for it."""

    def __init__(self, fails: Fails) -> None:
        self.fails = fails
        self.asked: list[tuple[str, ...]] = []

    def start(self, job: Job) -> Future[Job]:
        self.asked.append(job.variants)
        failed, names = self.fails(job), job.controls or ("ZDR-AUD-01", "ZDR-CON-01", "ZDR-RET-01")
        report(job.folder, {name: "fail" if name in failed else "pass" for name in names})
        future: Future[Job] = Future()
        future.set_result(job)
        return future


def made(folder: Path, fails: Fails, names: list[str] = NAMES) -> Matrix:
    cases = choose([], [variant(name) for name in names])
    found = build(cases, folder, Played(fails), seed=1, depth="quick", resume=False, done=lambda row: None, kind="together")
    return found.model_copy(update={"whole": False})  # without violations no control has found one


def where_they_meet(*together: str) -> Fails:
    return lambda job: {"ZDR-AUD-01"} if {*together} <= {*job.variants} else set()


@given(wanted=st.sets(st.sampled_from(NAMES), min_size=2, max_size=4))
def test_of_those_that_raise_an_alarm_only_together_the_fewest_are_named(tmp_path_factory, wanted):
    found = made(tmp_path_factory.mktemp("m"), where_they_meet(*wanted))
    (alarm,) = found.alarms
    assert (alarm.variants, alarm.again, alarm.failed) == (tuple(sorted(wanted)), True, ("ZDR-AUD-01",))
    assert all(row.green for row in found.benign) and len(found.benign) == len(NAMES)
    assert not found.good


def test_one_that_raises_it_by_itself_is_not_green_and_no_alarm_of_several(tmp_path):
    found = made(tmp_path, where_they_meet("ben-d"))
    assert found.alarms == () and [row.id for row in found.benign if not row.green] == ["ben-d"]


def test_two_pairs_are_both_told(tmp_path):
    def fails(job: Job) -> set[str]:
        return {"ZDR-AUD-01"} if {"ben-a", "ben-b"} <= {*job.variants} or {"ben-k", "ben-l"} <= {*job.variants} else set()

    assert {alarm.variants for alarm in made(tmp_path, fails).alarms} == {("ben-a", "ben-b"), ("ben-k", "ben-l")}


def test_what_is_shown_once_and_not_again_is_kept_and_no_reason_to_fail(tmp_path):
    once = iter([{"ZDR-CON-01", "ZDR-AUD-01"}])
    found = made(tmp_path, lambda _job: next(once, set()))
    (alarm,) = found.alarms
    assert (alarm.variants, alarm.again, alarm.failed) == (tuple(NAMES), False, ("ZDR-AUD-01", "ZDR-CON-01"))
    assert found.good and all(row.green for row in found.benign)


def test_a_quiet_audit_leaves_nothing_behind_but_its_own_folder(tmp_path):
    found = made(tmp_path, lambda _job: set())
    assert found.good and {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"variants-01"}


def test_what_a_half_explains_is_not_told_of_the_whole(tmp_path):
    """Only every control shows it, so that both halves are asked with every control: one of them shows it, too."""
    found = made(tmp_path, lambda job: {"ZDR-CON-01"} if "ben-b" in job.variants and not job.controls else set())
    assert found.alarms == () and [row.id for row in found.benign if not row.green] == ["ben-b"]


ALARM = Alarm(variants=("ben-x", "ben-y"), again=True, failed=("ZDR-AUD-01",), reason="the <log> lacks it")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "ben-x + ben-y: together, and none of them by itself; failed ZDR-AUD-01; the <log> lacks it"),
        ({"again": False}, "ben-x + ben-y: together, once, and not again; failed ZDR-AUD-01; the <log> lacks it"),
        (
            {"failed": (), "inconclusive": ("ZDR-BLK-14",), "reason": ""},
            "ben-x + ben-y: together, and none of them by itself; inconclusive ZDR-BLK-14",
        ),
    ],
)
def test_it_is_said_in_a_line(changes, line):
    assert complaint(ALARM.model_copy(update=changes)) == line


def test_the_page_lists_it_and_says_that_not_all_is_well():
    page = render(matrix(together=True, alarms=(ALARM,)))
    assert "What only several variants together show" in page and "the &lt;log&gt; lacks it" in page
    assert "Not everything was as it should be" in page
    assert "What only several" not in render(matrix(together=True))


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"benign": ()}, True),
        ({"benign": (Harmless(id="ben-y", title="t", mechanism="m", green=True),)}, False),
    ],
    ids=["others-were-made-anew", "one-of-them-was-made-anew"],
)
def test_an_alarm_of_before_stays_until_one_of_its_variants_is_audited_anew(changes, kept):
    old = matrix(together=True, alarms=(ALARM,))
    assert (brought_up(old, matrix(together=True, **changes), {"ret-x", "ben-x", "ben-y"}).alarms == (ALARM,)) is kept
    assert brought_up(old, matrix(together=True, benign=()), {"ret-x", "ben-x"}).alarms == (), "ben-y is no more"
