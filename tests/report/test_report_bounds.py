"""What the report says of its bounds, and the plots that show them: the right numbers, in words too, and nothing foreign in the markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

import pytest

from zdr_audit.report import bounds_view, html, plots
from zdr_audit.report.model import GrowthBound, Report
from zdr_audit.report.view import reproduce

from . import hostile, samples


def views(*bounds: GrowthBound) -> dict[str, bounds_view.GrowthView]:
    return {view.source: view for view in bounds_view.growth_views(samples.report(bounds=bounds))}


def image(text: str) -> Xml.Element:
    return Xml.fromstring(text)


def shapes(element: Xml.Element, name: str) -> list[Xml.Element]:
    return [child for child in element.iter() if child.get("class") == name]


def text_of(report: Report) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.render(report)).split())


@pytest.mark.parametrize(
    ("subject", "control", "verdict"),
    [
        ("bounded", "retained", "pass"),
        ("retained", "retained", "fail"),
        ("retained", "noisy", "fail"),
        ("noisy", "retained", "inconclusive"),
        ("bounded", "noisy", "inconclusive"),
        ("bounded", "bounded", "inconclusive"),
    ],
)
def test_a_flat_source_passes_only_where_content_without_zdr_is_seen_to_grow(subject: str, control: str, verdict: str) -> None:
    found = views(samples.growth_bound("database", "subject", subject), samples.growth_bound("database", "control", control))
    assert found["database"].verdict == verdict


def test_a_source_measured_for_one_organization_alone_is_inconclusive() -> None:
    assert views(samples.growth_bound("logs", "subject"))["logs"].verdict == "inconclusive"
    assert views(samples.growth_bound("logs", "control", "retained"))["logs"].verdict == "inconclusive"


def test_controls_of_one_sample_size_share_a_mark_and_only_passes_on_stored_evidence_have_one() -> None:
    controls = (
        samples.control("ZDR-RET-01", accepted=5),
        samples.control("ZDR-RET-02", accepted=5),
        samples.control("ZDR-RET-03", accepted=60),
        samples.control("ZDR-RET-04", "fail"),
        samples.control("ZDR-BLK-01", accepted=900),
    )
    marks = bounds_view.power_marks(samples.report("non_compliant", controls))
    assert [(mark.accepted, mark.ids) for mark in marks] == [(5, ("ZDR-RET-01", "ZDR-RET-02")), (60, ("ZDR-RET-03",))]
    assert marks[1].bound == pytest.approx(0.04871, abs=1e-5)


def test_the_policy_comes_by_section_with_the_controls_that_the_report_holds() -> None:
    groups = bounds_view.policy_views(samples.report(controls=samples.partial().selected))
    assert [group.section for group in groups] == ["Introduction", "Blocked features", "Requests"]
    assert [control.id for control in groups[0].lines[0][1]] == ["ZDR-RET-01", "ZDR-RET-03"]
    assert groups[1].lines[0][1] == ()


def test_a_growth_plot_has_every_point_a_line_and_an_interval_for_both_organizations() -> None:
    view = views(samples.growth_bound("database"), samples.growth_bound("database", "control", "retained"))["database"]
    found = image(plots.growth(view, 1))
    assert len(shapes(found, "dot subject")) == len(shapes(found, "dot control")) == 10
    assert len(shapes(found, "fit subject")) == len(shapes(found, "fit control")) == 1
    assert len(shapes(found, "band subject")) == 2
    last = shapes(found, "dot control")[-1]
    assert (float(last.get("x", "")) + 2.75, float(last.get("y", "")) + 2.75) == pytest.approx(
        (plots.LEFT + plots.WIDE, plots.TOP), abs=0.2
    )


def test_a_plot_says_in_words_what_it_shows() -> None:
    view = views(samples.growth_bound("database"), samples.growth_bound("database", "control", "retained"))["database"]
    found = image(plots.growth(view, 7))
    assert (found.get("role"), found.get("aria-labelledby"), found.get("aria-describedby")) == ("img", "growth-7-title", "growth-7-words")
    assert found.findtext("title") == "Growth of database"
    assert found.findtext("desc") == (
        "With ZDR: 0.000 bits kept per prompt bit, 95 % interval -0.002 to 0.002, 10 blocks. "
        "Without ZDR: 1.020 bits kept per prompt bit, 95 % interval 1.010 to 1.030, 10 blocks."
    )


def test_a_bound_without_a_slope_has_points_and_no_line() -> None:
    few = samples.growth_bound("logs").model_copy(update={"slope": None, "low": None, "high": None, "blocks": 2, "judged": "noisy"})
    found = image(plots.growth(views(few)["logs"], 1))
    assert shapes(found, "fit subject") == shapes(found, "band subject") == []
    assert "2 blocks, too few for a line" in (found.findtext("desc") or "")
    assert "Too noisy" in text_of(samples.report(bounds=(few,)))


@pytest.mark.parametrize("points", [((0, 0),), ((5, 0), (5, 0)), ((10**12, -(10**12)), (1, 10**15))])
def test_odd_points_stay_inside_the_frame(points: tuple[tuple[int, int], ...]) -> None:
    bound = samples.growth_bound("logs").model_copy(update={"points": points})
    for dot in shapes(image(plots.growth(views(bound)["logs"], 1)), "dot subject"):
        assert plots.LEFT <= float(dot.get("cx", "")) <= plots.LEFT + plots.WIDE
        assert plots.TOP <= float(dot.get("cy", "")) <= plots.TOP + plots.HIGH


def test_a_bound_without_points_has_no_plot() -> None:
    assert plots.growth(views(samples.growth_bound("logs").model_copy(update={"points": ()}))["logs"], 1) == ""


def test_the_power_curve_falls_and_every_mark_lies_on_it() -> None:
    marks = bounds_view.power_marks(samples.report(controls=tuple(samples.control("ZDR-RET-01", accepted=n) for n in (1, 59, 4_000))))
    found = image(plots.power(marks))
    curve = [tuple(map(float, point.split(","))) for point in shapes(found, "fit subject")[0].get("points", "").split()]
    assert [y for _, y in curve] == sorted(y for _, y in curve)
    for dot in shapes(found, "dot subject"):
        x, y = float(dot.get("cx", "")), float(dot.get("cy", ""))
        assert min(abs(x - px) + abs(y - py) for px, py in curve) < 5
    assert "59 accepted: below 5 % (1 control)" in (found.findtext("desc") or "")


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_a_hostile_source_name_leaves_the_plot_as_it_is(text: str) -> None:
    def shape(name: str) -> list[str]:
        return [element.tag for element in image(plots.growth(views(samples.growth_bound(name))[name], 1)).iter()]

    assert shape(text) == shape("database")


def test_the_page_shows_growth_power_and_policy_in_words_too() -> None:
    text = text_of(samples.failing())
    part = text[text.index("What could have gone unseen") : text.index("Evidence sources")]
    for words in (
        "Pass database",
        "With ZDR 0.000 bits per prompt bit (-0.002 to 0.002), tolerated 0.05; 10 blocks. Without ZDR 1.020 (1.010 to 1.030).",
        "Inconclusive traces",
        "5 45.1 % ZDR-EXC-01, ZDR-EXC-04..06, ZDR-RET-01",
        "No copy is kept once the answer is out. intro.processing ZDR-RET-01 pass ZDR-RET-03 fail",
        "Not checkable: Between people; no software can check it.",
    ):
        assert words in part


def test_a_run_without_growth_and_policy_says_what_is_missing() -> None:
    text = text_of(samples.report(bounds=()).model_copy(update={"policy": ()}))
    assert "The growth of the stores was not measured in this run" in text
    assert "sentence by sentence" not in text


def test_every_finding_has_the_command_that_reproduces_it() -> None:
    text = html.render(samples.failing())
    assert text.count("<dt>To reproduce</dt>") == text.count('<div class="finding">') == 4
    assert text.count("--seed 20261123 --controls ZDR-RET-03</code>") == 3


@pytest.mark.parametrize("before", ["", " --controls 'ZDR-RET-*,ZDR-AUD-01'", " --controls ZDR-RET-01"])
def test_the_reproduction_selects_one_control_whatever_the_run_selected(before: str) -> None:
    report = samples.report(command=f"zdr-audit run --target simulator{before} --depth quick --seed 7")
    assert reproduce(report, "ZDR-RET-03") == "zdr-audit run --target simulator --depth quick --seed 7 --controls ZDR-RET-03"
