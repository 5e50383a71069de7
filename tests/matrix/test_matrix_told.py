"""From what it is told which of several violations in one audit was found: the controls that each touches, and the places of the findings."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from bench.decoys import decoys
from zdr_audit.matrix.build import build
from zdr_audit.matrix.cases import choose
from zdr_audit.matrix.judge import Result
from zdr_audit.matrix.model import Attempt, Matrix, MatrixError
from zdr_audit.matrix.places import FILE, place, promise
from zdr_audit.matrix.told import SHY, Known, Seen, Told, groups, seen
from zdr_audit.matrix.work import Job
from zdr_audit.matrix.write import JSON, read, write
from zdr_audit.suite.outcomes import OF_DIGEST

from .samples import FINDING, matrix, report, violation

ONE, TWO, THREE = (violation(name, controls=("ZDR-RET-01",), related=("ZDR-RET-18",)) for name in ("ret-log", "ret-table", "ret-both"))
IN_LOG, IN_TABLE = FINDING, {**FINDING, "source": "database", "object": "prompts", "location": "row 7, column text"}
LOG, TABLE = place(IN_LOG), place(IN_TABLE)


def known(*places: str, control: str = "ZDR-RET-01") -> Known:
    return Known(frozenset({control}), {control: frozenset(places)} if places else {})


BEFORE: Seen = {"ret-log": known(LOG), "ret-table": known(TABLE)}


# -- places ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"object": "app-2026-11-28.jsonl", "location": "line 12"},
        {"object": "app-1.jsonl?organization=org_1", "request": "i-00077", "canary": "c-00009", "excerpt": "other"},
    ],
)
def test_a_place_is_the_same_in_each_run(other: dict[str, Any]) -> None:
    assert place({**FINDING, "object": "app-0.jsonl"}) == place({**FINDING, **other})


@pytest.mark.parametrize(
    "other",
    [{"source": "trace"}, {"object": "other.jsonl"}, {"location": "a header"}, {"forms": ("gzip",)}, {"message": "answered"}],
    ids=lambda other: next(iter(other)),
)
def test_source_object_location_encoding_and_promise_tell_places_apart(other: dict[str, Any]) -> None:
    assert place(FINDING) != place({**FINDING, **other})


def test_of_an_answer_what_the_message_goes_on_to_say_is_the_place_and_else_its_endpoint() -> None:
    """At which endpoint a form of request is tried, is drawn."""
    said = {"source": "answers", "location": "status 200", "request": "i-00001"}
    one, two = ({**said, "object": name, "message": "it must not be open"} for name in ("POST /a", "POST /b"))
    assert place(one) != place(two)
    told, again, other = (
        {**item, "message": f"it must not be open: {form}"} for item, form in ((one, "slash"), (two, "slash"), (one, "dots"))
    )
    assert place(told) == place(again) != place(other)
    assert place({**one, "message": "it must be refused\n1. step one of a story"}) == place(
        {**one, "message": "it must be refused\n1. another"}
    )


def test_which_node_was_asked_is_no_place() -> None:
    asked = {**FINDING, "message": f"{FINDING['message']} (node http://127.0.0.1:8701 was asked)"}
    assert place(asked) == place(FINDING)


@pytest.mark.parametrize("said", ["it must not be kept", "it must not be kept " + "anywhere at all, " * 9], ids=["short", "cut off"])
def test_what_is_promised_of_content_is_promised_of_its_digest(said: str) -> None:
    readable, digest = (place({**FINDING, "message": message}) for message in (said, said + OF_DIGEST))
    assert readable != digest and promise(readable) == promise(digest)


def test_a_place_is_bounded_whatever_the_target_calls_its_objects() -> None:
    assert len(place({**FINDING, "object": "x" * 100_000, "message": "y" * 100_000})) < 1_000


# -- who may be together --------------------------------------------------------------------------------------------------------------


def test_two_that_one_control_finds_at_different_places_may_be_together() -> None:
    assert groups([ONE, TWO], BEFORE, 1) == [(ONE, TWO)]


@pytest.mark.parametrize(
    "before",
    [
        {**BEFORE, "ret-table": known(LOG)},
        {**BEFORE, "ret-table": known(LOG, TABLE)},
        {**BEFORE, "ret-table": known()},
        {"ret-table": known(TABLE)},
        {},
    ],
    ids=["at the same", "one has none of its own", "places of one unknown", "one never seen", "nothing known"],
)
def test_two_that_one_control_finds_and_that_places_do_not_tell_apart_may_not(before: Seen) -> None:
    assert len(groups([ONE, TWO], before, 1)) == 2


def test_of_three_each_needs_a_place_that_neither_of_the_others_has() -> None:
    first, second = (f"kept | {name}" for name in "ab")
    before = {"ret-log": known(LOG, first), "ret-table": known(TABLE, second), "ret-both": known(LOG, TABLE, first)}
    told = Told([ONE, TWO, THREE], before)
    assert told.fits((ONE, TWO)) and told.fits((TWO, THREE)) and not told.fits((ONE, TWO, THREE))
    assert told.own(TWO, "ZDR-RET-01", (ONE, TWO, THREE)) == {second}


def test_two_that_break_different_promises_of_a_control_are_kept_apart() -> None:
    """A check ends with the first promise that is broken."""
    other = place({**IN_TABLE, "message": "answers are not kept"})
    assert len(groups([ONE, TWO], {**BEFORE, "ret-table": known(other)}, 1)) == 2


def test_one_that_leaves_the_control_undecided_is_kept_apart() -> None:
    assert len(groups([ONE, violation("aud-x", controls=("ZDR-AUD-01",))], {**BEFORE, "aud-x": known(control="ZDR-RET-01")}, 1)) == 2


# -- what an audit tells --------------------------------------------------------------------------------------------------------------


class Played:
    """In place of processes: what each violation leaves, by control, as findings."""

    def __init__(self, leaves: Callable[[tuple[str, ...]], dict[str, list[dict[str, Any]]]]) -> None:
        self.leaves = leaves
        self.asked: list[tuple[str, ...]] = []

    def start(self, job: Job) -> Future[Job]:
        self.asked.append(job.violations)
        found = self.leaves(job.violations)
        names = ("ZDR-RET-01", "ZDR-RET-18", "ZDR-AUD-01")
        report(job.folder, {name: "fail" if found.get(name) else "pass" for name in names}, findings=found)
        future: Future[Job] = Future()
        future.set_result(job)
        return future


def made(tmp_path: Path, drive: Played, *violations: Any, before: Seen = BEFORE) -> dict[str, Attempt]:
    cases = choose(violations, ())
    whole = build(cases, tmp_path, drive, seed=1, depth="quick", resume=False, done=lambda row: None, kind="together", before=before)
    return {row.id: row for row in whole.violations}


def both(seeds: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    return {"ZDR-RET-01": [*([IN_LOG] if "ret-log" in seeds else []), *([IN_TABLE] if "ret-table" in seeds else [])]}


def test_each_is_found_at_a_place_of_its_own(tmp_path: Path) -> None:
    drive = Played(both)
    rows = made(tmp_path, drive, ONE, TWO)
    assert drive.asked == [("ret-log", "ret-table")]
    assert {name: (row.killed, row.beside) for name, row in rows.items()} == {
        "ret-log": (True, ("ret-table",)),
        "ret-table": (True, ("ret-log",)),
    }


def test_a_control_that_failed_for_another_tells_nothing_of_one(tmp_path: Path) -> None:
    drive = Played(lambda seeds: {"ZDR-RET-01": [IN_LOG]} if "ret-log" in seeds else {})
    rows = made(tmp_path, drive, ONE, TWO)
    assert drive.asked == [("ret-log", "ret-table"), ("ret-table",)]
    assert rows["ret-log"].killed and rows["ret-table"].missed == ("ZDR-RET-01",)


def test_a_finding_at_a_place_of_both_tells_of_none(tmp_path: Path) -> None:
    drive = Played(lambda seeds: {"ZDR-RET-01": [IN_LOG]})
    before = {"ret-log": known(LOG, "elsewhere"), "ret-table": known(LOG, TABLE)}
    rows = made(tmp_path, drive, ONE, TWO, before=before)
    assert ("ret-log",) in drive.asked and ("ret-table",) in drive.asked and not any(row.beside for row in rows.values())


def test_a_place_that_is_told_of_is_one_that_an_audit_can_go_by_the_next_time(tmp_path: Path) -> None:
    rows = made(tmp_path, Played(both), ONE, TWO)
    assert {name: dict(row.places) for name, row in rows.items()} == {
        "ret-log": {"ZDR-RET-01": (LOG,)},
        "ret-table": {"ZDR-RET-01": (TABLE,)},
    }


def test_a_control_that_none_else_touches_must_fail_where_it_is_known_to_fail(tmp_path: Path) -> None:
    """Several together may do what none of them does."""
    report(tmp_path, {"ZDR-RET-01": "fail"}, findings=[IN_TABLE])
    other = violation("aud-x", controls=("ZDR-AUD-01",))
    for before, found in ((BEFORE, False), ({"ret-log": known(LOG, TABLE)}, True), ({"ret-log": known()}, True)):
        assert Told([ONE, other], before).found(ONE, (ONE, other), Result(tmp_path)) is found


def test_where_none_else_touches_the_control_and_none_are_known_all_its_places_are_its_own(tmp_path: Path) -> None:
    report(tmp_path, {"ZDR-RET-01": "fail", "ZDR-RET-18": "fail", "ZDR-AUD-01": "fail"}, findings=[IN_LOG, IN_TABLE])
    before = {
        "ret-log": Known(frozenset({"ZDR-RET-01", "ZDR-RET-18"}), {"ZDR-RET-18": frozenset({LOG})}),
        "aud-x": known(control="ZDR-RET-18"),
    }
    other = violation("aud-x", controls=("ZDR-AUD-01",))
    told = Told([ONE, other], before)
    assert told.places(ONE, (ONE, other), Result(tmp_path)) == {"ZDR-RET-01": tuple(sorted((LOG, TABLE))), "ZDR-RET-18": (LOG,)}
    assert told.places(other, (ONE, other), Result(tmp_path)) == {"ZDR-AUD-01": tuple(sorted((LOG, TABLE)))}


# -- what is kept of them -------------------------------------------------------------------------------------------------------------


def row(**more: Any) -> Attempt:
    return Attempt(**({"id": "ret-log", "title": "t", "mechanism": "m", "controls": ("ZDR-RET-01",), "killed": True} | more))


def kept(folder: Path, *rows: Attempt, **more: Any) -> Matrix:
    whole = matrix(violations=rows, **more)
    write(whole, folder)
    return whole


def test_places_lie_in_a_file_beside_the_matrix(tmp_path: Path) -> None:
    whole = kept(tmp_path, row(places={"ZDR-RET-01": (LOG,)}))
    assert read(tmp_path) == whole and LOG not in (tmp_path / JSON).read_text(encoding="utf-8")
    assert LOG in (tmp_path / FILE).read_text(encoding="utf-8")


def test_without_places_no_file_of_an_earlier_matrix_stays(tmp_path: Path) -> None:
    kept(tmp_path, row(places={"ZDR-RET-01": (LOG,)}))
    kept(tmp_path, row())
    assert not (tmp_path / FILE).exists()


def test_a_file_of_places_that_is_none_is_one_line(tmp_path: Path) -> None:
    kept(tmp_path, row())
    (tmp_path / FILE).write_text('{"ret-log": [7]}', encoding="utf-8")
    with pytest.raises(MatrixError, match=rf"^{FILE}|/{FILE}: cannot be read as places of findings: [^\n]*$"):
        read(tmp_path)


def test_what_several_matrices_say_of_a_violation_is_put_together(tmp_path: Path) -> None:
    kept(tmp_path / "each", row(places={"ZDR-RET-01": (LOG,)}, related=("ZDR-RET-18",)))
    kept(tmp_path / "together", row(places={"ZDR-RET-01": (TABLE,)}, related=("ZDR-AUD-01",), beside=("ret-x",)), together=True)
    kept(tmp_path / "alone", row(places={"ZDR-RET-01": ("no",)}), alone=True)
    kept(tmp_path / "missed", row(places={"ZDR-RET-01": ("no",)}, killed=False, missed=("ZDR-RET-01",)))
    told = seen(tmp_path)["ret-log"]
    assert told == Known(frozenset({"ZDR-RET-01", "ZDR-RET-18"}), {"ZDR-RET-01": frozenset({LOG, TABLE})})


@pytest.mark.parametrize(("times", "apart"), [(SHY - 1, 1), (SHY, 2)])
def test_what_others_hid_again_and_again_is_by_itself_at_once(tmp_path: Path, times: int, apart: int) -> None:
    for number in range(times):
        kept(tmp_path / f"together-{number}", row(places={"ZDR-RET-01": (LOG,)}), together=True)
    assert len(groups([ONE, TWO], {**seen(tmp_path), "ret-table": known(TABLE)}, 1)) == apart


def test_what_was_never_by_itself_may_touch_all_that_it_says(tmp_path: Path) -> None:
    kept(tmp_path, row(places={"ZDR-RET-01": (LOG,)}, beside=("ret-x",)), together=True)
    told = seen(tmp_path)
    assert told["ret-log"].touched is None
    assert len(groups([ONE, violation("ret-else", controls=("ZDR-RET-18",))], told, 1)) == 2


def test_those_that_need_servers_share_audits_among_themselves(tmp_path: Path) -> None:
    needy = [violation(f"srv-{n}", controls=(f"ZDR-AUD-0{n}",), needs=("servers",)) for n in (1, 2)]
    drive = Played(lambda seeds: {"ZDR-RET-01": [IN_LOG]} if "ret-log" in seeds else {})
    cases = choose([ONE, *needy], [], available=("servers",))
    build(cases, tmp_path, drive, seed=1, depth="quick", resume=False, done=lambda row: None, kind="together", before=BEFORE)
    assert ("srv-1", "srv-2") in drive.asked and ("ret-log",) in drive.asked


# -- how often it would be wrong ------------------------------------------------------------------------------------------------------


def test_a_violation_that_was_not_in_an_audit_counts_as_taken_for_found_where_its_places_were_seen(tmp_path: Path) -> None:
    run = {"command": "zdr-audit run --violation ret-log --violation aud-x --seed 1"}
    other = violation("aud-x", controls=("ZDR-AUD-01",))
    before = {**BEFORE, "aud-x": known(control="ZDR-AUD-01")}
    for name, found in (("one", [IN_LOG]), ("two", [IN_LOG, IN_TABLE])):
        place = report(tmp_path / name, {"ZDR-RET-01": "fail", "ZDR-AUD-01": "fail"}, findings=found) / "report.json"
        place.write_text(json.dumps({**json.loads(place.read_text(encoding="utf-8")), "run": run}), encoding="utf-8")
    assert decoys(tmp_path, before, [ONE, TWO, other]) == (2, 1)
    narrowed = {"command": f"{run['command']} --controls ZDR-RET-01"}
    place.write_text(json.dumps({**json.loads(place.read_text(encoding="utf-8")), "run": narrowed}), encoding="utf-8")
    assert decoys(tmp_path, before, [ONE, TWO, other]) == (1, 0)
