"""Several seeds in one audit: which may be together, what is told of each, and what is audited again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner

from zdr_audit.cli import main
from zdr_audit.matrix.build import build
from zdr_audit.matrix.cases import choose
from zdr_audit.matrix.model import Attempt, Matrix
from zdr_audit.matrix.page import render
from zdr_audit.matrix.together import batches
from zdr_audit.matrix.told import Known, groups, seen
from zdr_audit.matrix.work import Job
from zdr_audit.matrix.write import MatrixError, brought_up, write
from zdr_audit.violations import load_violations

from .samples import matrix, report, variant, violation

PLAIN = [item for item in load_violations() if not item.needs]
KEEPS = violation("ret-a", controls=("ZDR-RET-01",), related=("ZDR-RET-18",))
OPENS = violation("blk-a", controls=("ZDR-BLK-01",))
EDITS = violation("aud-a", controls=("ZDR-AUD-01",), related=("ZDR-RET-0*",))


class Played:
    """In place of processes: each audit fails the controls that `fails` says for the seeds that are in it; of controls that are not asked for it says
    nothing."""

    def __init__(self, fails: Callable[[tuple[str, ...]], set[str]]) -> None:
        self.fails = fails
        self.asked: list[tuple[str, ...]] = []
        self.narrowed: list[tuple[str, ...]] = []

    def start(self, job: Job) -> Future[Job]:
        seeds = (*job.violations, *job.variants)
        (self.narrowed if job.controls else self.asked).append(seeds)
        failed = self.fails(seeds)
        names = {"ZDR-RET-01", "ZDR-RET-18", "ZDR-BLK-01", "ZDR-AUD-01", "ZDR-CON-01", *failed}
        names &= set(job.controls) or names
        report(job.folder, {name: "fail" if name in failed else "pass" for name in sorted(names)})
        future: Future[Job] = Future()
        future.set_result(job)
        return future


def _made(tmp_path: Path, drive: Played, *violations, variants=()) -> Matrix:
    before = {item.id: Known(frozenset(item.controls)) for item in violations}
    cases = choose(violations, variants)
    return build(cases, tmp_path, drive, seed=1, depth="quick", resume=False, done=lambda row: None, kind="together", before=before)


def _good(made: Matrix) -> bool:
    return all(row.good for row in made.violations)


def _own(*violations) -> Callable[[tuple[str, ...]], set[str]]:
    """Each fails its own controls, whoever else is there."""
    return lambda seeds: {control for item in violations if item.id in seeds for control in item.controls}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("known", [False, True], ids=["what-they-may-touch", "what-they-touched"])
def test_none_touches_a_control_that_another_of_its_group_must_be_found_by(known, seed):
    before = {v.id: Known(frozenset(v.controls)) for v in PLAIN[::2]} if known else {}
    made = groups(PLAIN, before, seed)
    assert sorted(v.id for group in made for v in group) == [v.id for v in PLAIN]
    for group in made:
        for one, two in combinations(group, 2):
            assert not set(one.controls) & set(two.controls)
            assert not any(control in two.related for control in one.controls if two.id not in before)


def test_which_are_together_is_drawn_by_the_seed():
    one, two = (groups(PLAIN, {}, seed) for seed in (1, 2))
    assert one == groups(PLAIN, {}, 1) != two


def test_patterns_of_related_controls_count():
    assert len(groups([KEEPS, EDITS], {}, 1)) == 2, "aud-a may fail ZDR-RET-01, by which ret-a must be found"
    assert len(groups([KEEPS, EDITS], {"aud-a": Known(frozenset({"ZDR-AUD-01"}))}, 1)) == 1
    assert len(groups([KEEPS, EDITS], {"aud-a": Known(frozenset({"ZDR-RET-01"}))}, 1)) == 2


def test_groups_and_batches_are_no_larger_than_allowed():
    assert max(map(len, groups(PLAIN, {}, 1, size=3))) == 3
    assert sorted(map(len, batches([variant(f"ben-{n}") for n in range(13)], 1, size=12))) == [6, 7]
    assert batches([], 1) == []


def test_one_audit_tells_of_all_that_are_found(tmp_path):
    drive = Played(lambda seeds: _own(KEEPS, OPENS)(seeds) | {"ZDR-RET-18"})
    made = _made(tmp_path, drive, KEEPS, OPENS)
    assert drive.asked == [("blk-a", "ret-a")] and made.together and _good(made)
    rows = {row.id: row for row in made.violations}
    assert rows["ret-a"].beside == ("blk-a",) and rows["blk-a"].beside == ("ret-a",)
    assert rows["ret-a"].related == ("ZDR-RET-18",) and rows["blk-a"].related == ()


def test_one_that_another_hides_is_audited_again(tmp_path):
    drive = Played(lambda seeds: _own(KEEPS, OPENS)(seeds) - ({"ZDR-RET-01"} if "blk-a" in seeds else set()))
    made = _made(tmp_path, drive, KEEPS, OPENS)
    assert drive.asked == [("blk-a", "ret-a"), ("ret-a",)] and _good(made)
    assert {row.id: row.beside for row in made.violations} == {"blk-a": ("ret-a",), "ret-a": ()}


def test_one_that_is_not_found_by_itself_either_is_missed(tmp_path):
    made = _made(tmp_path, Played(_own(OPENS)), KEEPS, OPENS)
    assert {row.id: row.missed for row in made.violations} == {"blk-a": (), "ret-a": ("ZDR-RET-01",)} and not _good(made)


def test_what_fails_and_has_to_do_with_none_is_traced_to_the_one_with_which_it_fails(tmp_path):
    drive = Played(lambda seeds: _own(KEEPS, OPENS, EDITS)(seeds) | ({"ZDR-CON-01"} if "aud-a" in seeds else set()))
    made = _made(tmp_path, drive, KEEPS, OPENS, EDITS)
    assert {row.id: row.collateral for row in made.violations} == {"aud-a": ("ZDR-CON-01",), "blk-a": (), "ret-a": ()}
    assert all(row.killed for row in made.violations)
    assert drive.asked == [("aud-a", "blk-a", "ret-a"), ("aud-a",)], "the others need no further audit with every control"
    assert [row.id for row in made.violations] == ["aud-a", "blk-a", "ret-a"], "of whom it was traced to, the first audit says nothing"


def test_what_fails_only_where_two_meet_is_held_against_neither(tmp_path):
    drive = Played(lambda seeds: _own(KEEPS, OPENS, EDITS)(seeds) | ({"ZDR-CON-01"} if {"aud-a", "ret-a"} <= set(seeds) else set()))
    made = _made(tmp_path, drive, KEEPS, OPENS, EDITS)
    assert _good(made) and all(row.beside for row in made.violations)
    assert made.alarms == (), "violations may get in each other's way"
    assert len(drive.asked) == 1 and ("aud-a", "blk-a", "ret-a") in drive.narrowed


def test_what_the_control_alone_does_not_show_is_looked_for_with_every_control(tmp_path):
    drive = Played(lambda seeds: _own(KEEPS, OPENS, EDITS)(seeds) | ({"ZDR-CON-01"} if "aud-a" in seeds else set()))
    start = drive.start

    def silent(job: Job) -> Future[Job]:
        drive.fails, before = (_own(KEEPS, OPENS, EDITS) if job.controls else drive.fails), drive.fails
        future = start(job)
        drive.fails = before
        return future

    drive.start = silent
    made = _made(tmp_path, drive, KEEPS, OPENS, EDITS)
    assert {row.id: row.collateral for row in made.violations} == {"aud-a": ("ZDR-CON-01",), "blk-a": (), "ret-a": ()}
    assert len(drive.asked) > 2


def test_an_audit_of_which_nothing_can_be_said_tells_of_none(tmp_path):
    drive = Played(_own(KEEPS, OPENS))
    whole = drive.start

    def start(job: Job) -> Future[Job]:
        future = whole(job)
        if len(job.violations) > 1:
            (job.folder / "report.json").unlink()
        return future

    drive.start = start
    made = _made(tmp_path, drive, KEEPS, OPENS)
    assert _good(made) and not any(row.beside for row in made.violations)


def test_of_variants_the_one_that_raises_an_alarm_is_found(tmp_path):
    variants = [variant(f"ben-{name}") for name in "abcde"]
    drive = Played(lambda seeds: {"ZDR-CON-01"} if "ben-d" in seeds else set())
    made = _made(tmp_path, drive, variants=variants)
    assert {row.id: row.failed for row in made.benign} == {v.id: ("ZDR-CON-01",) if v.id == "ben-d" else () for v in variants}
    assert len(drive.asked) < 2 * len(variants)


def test_those_that_need_servers_are_by_themselves(tmp_path):
    drive = Played(_own(KEEPS, OPENS))
    needy = violation("ret-s", controls=("ZDR-CON-01",), needs=("servers",))
    cases = choose([KEEPS, OPENS, needy], [], available=("servers",))
    build(cases, tmp_path, drive, seed=1, depth="quick", resume=False, done=lambda row: None, kind="together")
    assert ("ret-s",) in drive.asked


def test_what_each_did_by_itself_is_taken_from_matrices_of_that_kind(tmp_path):
    row = Attempt(id="ret-x", title="t", mechanism="m", controls=("ZDR-RET-01",), killed=True, related=("ZDR-RET-02",))
    write(matrix(violations=(row,)), tmp_path)
    write(matrix(violations=(row.model_copy(update={"inconclusive": ("ZDR-AUD-01",)}),)), tmp_path / "seed-2")
    for other in ("alone", "together"):
        write(matrix(violations=(row.model_copy(update={"related": ("ZDR-CON-01",)}),), **{other: True}), tmp_path / other)
    assert seen(tmp_path) == {"ret-x": Known(frozenset({"ZDR-RET-01", "ZDR-RET-02", "ZDR-AUD-01"}), hidden=1)}


def test_it_is_not_mixed_with_matrices_of_each_by_itself():
    with pytest.raises(MatrixError, match="not of several seeds together"):
        brought_up(matrix(), matrix(together=True), {"ret-x"})


def test_the_page_says_how_many_audits_told_of_how_many_seeds():
    rows = tuple(
        Attempt(id=one, title="t", mechanism="m", controls=("ZDR-RET-01",), killed=True, beside=(two,))
        for one, two in (("ret-x", "ret-y"), ("ret-y", "ret-x"))
    )
    page = render(matrix(violations=rows, together=True))
    assert "several together" in page and "2 audits told of 3" in page and page.count("among 2") == 2
    assert "several together" not in render(matrix())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--together", "--alone"], "--alone and --together are two kinds of matrix"),
        (["--together", "--recheck", "."], "--recheck checks the records of audits of one seed each"),
        (["--seen", "."], "--seen needs --together"),
    ],
)
def test_what_does_not_go_together_is_refused(words, said):
    result = CliRunner().invoke(main, ["violations", "--matrix", *words])
    assert result.exit_code == 2 and said in result.output
