"""What all writers share: order, gathering and sums."""

from __future__ import annotations

import pytest

from zdr_audit.report import view
from zdr_audit.report.model import Leftover, Sight

from . import samples


def test_families_come_in_catalogue_order_and_unknown_ones_last() -> None:
    odd = samples.control("ZDR-RET-01", family="XYZ", id="ZDR-XYZ-01")
    report = samples.report(controls=(odd, *reversed(samples.all_controls())))
    assert [f.code for f in view.families(report)] == ["RET", "EXC", "SCP", "BLK", "ENB", "AUD", "ADM", "CON", "XYZ"]
    assert [c.id for c in view.families(report)[1].controls] == [f"ZDR-EXC-{n:02d}" for n in range(1, 7)]
    assert view.family_title("XYZ") == "XYZ"


def test_failed_controls_come_first_and_worst_first() -> None:
    controls = (
        samples.control("ZDR-RET-01", "not_tested"),
        samples.control("ZDR-RET-02", "inconclusive"),
        samples.control("ZDR-RET-04", "fail", severity="medium"),
        samples.control("ZDR-RET-05", "fail", severity="critical"),
        samples.control("ZDR-RET-06", "fail", severity="odd"),
        samples.control("ZDR-RET-07", "pass"),
        samples.control("ZDR-RET-08", "waived"),
        samples.control("ZDR-RET-09", "not_applicable"),
    )
    found = [(item.verdict, [c.id for c in item.controls]) for item in view.attention(samples.report("non_compliant", controls))]
    assert found == [
        ("fail", ["ZDR-RET-05"]),
        ("fail", ["ZDR-RET-04"]),
        ("fail", ["ZDR-RET-06"]),
        ("inconclusive", ["ZDR-RET-02"]),
        ("not_tested", ["ZDR-RET-01"]),
    ]


def test_open_controls_of_one_reason_are_gathered_and_failed_ones_are_not() -> None:
    controls = tuple(
        samples.control(f"ZDR-RET-0{n}", verdict) for n, verdict in enumerate(("fail", "fail", "inconclusive", "inconclusive"), 1)
    )
    assert [len(item.controls) for item in view.attention(samples.report("non_compliant", controls))] == [1, 1, 2]


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        ([], ""),
        (["ZDR-RET-01"], "ZDR-RET-01"),
        (["ZDR-RET-01", "ZDR-RET-02"], "ZDR-RET-01, ZDR-RET-02"),
        (["ZDR-RET-01", "ZDR-RET-02", "ZDR-RET-03", "ZDR-EXC-04"], "ZDR-RET-01..03, ZDR-EXC-04"),
        (["ZDR-RET-01", "ZDR-RET-03", "ZDR-RET-05"], "ZDR-RET-01, ZDR-RET-03, ZDR-RET-05"),
        (["odd", "ids"], "odd, ids"),
    ],
)
def test_control_ids_are_written_in_short(ids: list[str], shown: str) -> None:
    assert view.compact_ids(ids) == shown


def test_a_source_counts_by_its_weakest_proof_of_sight() -> None:
    def proof(source: str, reading: str, how: str) -> Sight:
        return Sight(source=source, epoch="main", reading=reading, how=how)  # type: ignore[arg-type]

    control = samples.control(
        sight=(proof("a", "first", "control"), proof("a", "settled", "blind"), proof("b", "first", "control"), proof("c", "first", "spike"))
    )
    assert view.sight_sum(control) == view.SightSum(control=1, spike=1, blind=1)
    assert view.blind_readings(samples.report(controls=(control,))) == {("a", "main", "settled")}


def test_readings_that_saw_the_same_are_one_row() -> None:
    rows = view.sight_rows(samples.control())
    assert len(rows) == len(samples.SOURCES)
    assert rows[0].readings == "main: first, settled"


@pytest.mark.parametrize(("accepted", "bound"), [(1, 0.95), (5, 0.4507), (59, 0.0495), (299, 0.00997)])
def test_the_bound_on_unseen_leaks_is_the_exact_binomial_one(accepted: int, bound: float) -> None:
    assert view.leak_bound(samples.control(accepted=accepted)) == pytest.approx(bound, abs=5e-5)


@pytest.mark.parametrize("changes", [{"accepted": 0}, {"evidence": ("answers",)}, {"verdict": "fail"}, {"verdict": "inconclusive"}])
def test_no_bound_is_claimed_where_it_would_say_nothing(changes: dict[str, object]) -> None:
    assert view.leak_bound(samples.control(**({"accepted": 5} | changes))) is None  # type: ignore[arg-type]


def test_only_findings_of_failed_controls_count_against_a_source() -> None:
    failed, waived = samples.control("ZDR-RET-01", "fail"), samples.control("ZDR-RET-02", "waived", findings=(samples.finding(),))
    assert view.findings_by_source(samples.report("non_compliant", (failed, waived))) == {"database": 1, "logs": 1}


def test_the_searched_volume_is_summed_over_all_readings() -> None:
    assert view.volume(samples.compliant()) == view.Volume(readings=12, bytes=12 * 1_482_752, not_examined=2)


def test_findings_in_objects_of_one_kind_are_one_group() -> None:
    found = [samples.finding(object=f"spool/{n:016x}", location=f"bytes {n}-9") for n in range(3)]
    other = samples.finding(object="spool/0000000000000009", forms=("gzip",))
    groups = view.gathered_findings([found[0], other, *found[1:]])
    assert groups == (tuple(found), (other,))
    assert (view.object_of(groups[0]), view.object_of(groups[1])) == ("spool/*", "spool/0000000000000009")
    assert view.location_of(found[2], groups[0]) == "spool/0000000000000002, bytes 2-9"
    assert view.location_of(other, groups[1]) == other.location


def test_what_was_left_is_gathered_by_kind_organization_and_reason() -> None:
    def left(number: int, kind: str = "feature:files", organization: str = "org_a") -> Leftover:
        about = {"kind": kind, "id": f"x-{number}", "organization": organization, "operation": "o", "request": f"i-{number}", "reason": "r"}
        return Leftover.model_validate(about)

    report = samples.report().model_copy(update={"leftovers": (left(1), left(2, "user"), left(3), left(4, organization="org_b"))})
    assert [(g.kind, g.organization, g.things) for g in view.gathered_leftovers(report)] == [
        ("files", "org_a", (("x-1", "i-1"), ("x-3", "i-3"))),
        ("user", "org_a", (("x-2", "i-2"),)),
        ("files", "org_b", (("x-4", "i-4"),)),
    ]
