"""`report.pdf`: what is on its pages, that nothing in a report is typst to typst, and that equal reports give equal bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from zdr_audit import resources
from zdr_audit.report import pdf, pdf_data
from zdr_audit.report.model import Leftover, Report

from . import hostile, samples

typst = pytest.importorskip("typst", reason="the extra `pdf` is not installed")

SAMPLES: list[Callable[[], Report]] = [samples.compliant, samples.failing, samples.incomplete, samples.partial]
A4, LETTER = (595.28, 841.89), (612.0, 792.0)


def words_of(report: Report) -> str:
    """All strings that the template is given, without the break marks."""
    return " ".join(json.dumps(pdf_data.data(report), ensure_ascii=False).replace("\u200b", "").split())


def pages(document: bytes) -> list[tuple[float, float]]:
    """Width and height of each page in points."""
    return [(float(w), float(h)) for w, h in re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", document)]


def drawn(report: Report) -> list[bytes]:
    """The pages as pictures, small."""
    inputs = {"report": json.dumps(pdf_data.data(report)), "paper": "a4"}
    compiler = typst.Compiler((resources.templates() / "report.typ").read_bytes(), ignore_system_fonts=True, sys_inputs=inputs)
    made = compiler.compile(format="png", ppi=20)
    return made if isinstance(made, list) else [made]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_report_can_be_set(sample: Callable[[], Report]) -> None:
    document = pdf.render(sample())
    assert document.startswith(b"%PDF-1.")
    assert len(pages(document)) >= 3


@pytest.mark.parametrize(("paper", "size"), [("a4", A4), ("us-letter", LETTER)])
def test_the_pages_have_the_size_of_the_paper(paper: pdf.Paper, size: tuple[float, float]) -> None:
    assert all(page == pytest.approx(size, abs=0.1) for page in pages(pdf.render(samples.partial(), paper)))


def test_equal_reports_give_equal_bytes() -> None:
    assert pdf.render(samples.failing()) == pdf.render(samples.failing())


def test_another_report_gives_another_file() -> None:
    assert pdf.render(samples.partial()) != pdf.render(samples.partial().model_copy(update={"growth": ()}))


@pytest.mark.parametrize(
    ("ended", "started", "stamp"),
    [
        ("2026-11-23T09:05:52Z", "2026-11-23T09:05:00Z", b"D:20261123090552"),
        ("", "2026-11-23T09:05:00Z", b"D:20261123090500"),
        ("soon", "2026-11-23T09:05:00", b"D:19700101000000"),
        ("1492-01-01T00:00:00Z", "x", b"D:19700101000000"),
    ],
)
def test_the_file_is_dated_with_the_run_and_never_with_the_clock(ended: str, started: str, stamp: bytes) -> None:
    document = pdf.render(samples.report(controls=(), ended_at=ended, started_at=started))
    assert set(re.findall(rb"/CreationDate\s*\((D:\d{14})", document)) == {stamp}


def test_the_fonts_are_inside_the_file_and_are_those_of_typst() -> None:
    fonts = set(re.findall(rb"/BaseFont\s*/[A-Z]{6}\+([A-Za-z]+)", pdf.render(samples.failing())))
    assert fonts == {b"LibertinusSerif", b"DejaVuSansMono"}


def test_the_file_runs_nothing_and_links_nowhere() -> None:
    document = pdf.render(hostile.poison(samples.failing(), hostile.EVERYTHING))
    for name in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/OpenAction", b"/EmbeddedFile", b"/SubmitForm"):
        assert name not in document


def test_page_one_has_verdict_meaning_target_gaps_and_sample_sizes() -> None:
    found = pdf_data.data(samples.failing())
    assert (found["status_words"], found["partial"]) == ("Not compliant", False)
    assert "At least one promise was broken." in found["meaning"]
    assert ("Requests sent", "1,412") in found["samples"]
    assert found["totals"] == {"numbers": [72, 2, 2, 2, 1, 1], "total": 80}
    assert "Third-party integrations and MCP servers" in found["not_covered"]


def test_an_incomplete_run_is_told_not_to_be_a_pass() -> None:
    found = pdf_data.data(samples.incomplete())
    assert found["status_words"] == "Incomplete"
    assert "must not be read as a pass" in found["meaning"]
    assert [probe["verdict"] for probe in found["sanity"]] == ["fail", "fail"]


def test_every_finding_has_its_place_request_form_and_command() -> None:
    text = words_of(samples.failing())
    for words in (
        "database, conversations, row 17, column body",
        "gzip > base64 > plain",
        "i-0042 (req_011CSHoEeqs5C35K2UUqR7Fy)",
        "--seed 20261123 --controls ZDR-BLK-02",
        "No copy is kept once the answer is out.",
        "Not checkable: Between people; no software can check it.",
        "sha256:3d3d3d",
    ):
        assert words in text


@pytest.mark.parametrize("text", [*hostile.ALL.values(), hostile.EVERYTHING], ids=[*hostile.ALL, "everything"])
def test_hostile_text_is_set_as_text(text: str) -> None:
    assert pdf.render(hostile.poison(samples.partial(), text)).startswith(b"%PDF")


def test_typst_in_a_text_is_drawn_like_any_other_text_of_its_length() -> None:
    def with_headline(text: str) -> list[bytes]:
        return drawn(samples.report(controls=(), bounds=(), headline=text))

    assert with_headline("#pagebreak()") != with_headline("")
    assert len(with_headline("#pagebreak()" * 9)) == len(with_headline("x" * 12 * 9))


def test_the_template_holds_no_text_of_the_report_and_reads_no_file() -> None:
    template = (resources.templates() / "report.typ").read_text()
    assert "{{" not in template
    assert not re.search(r"\b(?:eval|read|include|import|plugin)\b\s*[(\"]", template)


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_no_hidden_character_but_our_break_mark_is_on_a_page(text: str) -> None:
    assert words_of(hostile.poison(samples.partial(), text)).isprintable()


def test_a_long_word_can_break_and_letters_without_a_shape_are_named() -> None:
    assert pdf_data.shown("x" * 20) == "xxxxxx\u200bxxxxxx\u200bxxxxxx\u200bxx"
    assert pdf_data.shown("Grüße, Ελλάδα, 漢") == "Grüße, Ελλάδα, \\u{6f22}"
    assert pdf_data.shown("a short line of words") == "a short line of words"


def test_a_huge_text_and_many_findings_are_cut() -> None:
    control = samples.control("ZDR-RET-01", "fail", findings=tuple(samples.finding(request=f"i-{n:05d}") for n in range(1_060)))
    found = pdf_data.data(samples.report("non_compliant", (control,)))
    told = found["controls"][0]["controls"][0]
    assert (sum(len(group["rows"]) for group in told["findings"]), told["more"]) == (20, 1_040)
    assert len(words_of(hostile.poison(samples.failing(), "#" * 10_000_000))) < 1_000_000


def test_findings_of_one_kind_are_a_table_with_a_row_for_each() -> None:
    found = tuple(samples.finding(object=f"spool/{n:016x}", location=f"bytes {n}-9", excerpt="[canary]") for n in range(3))
    (group,) = pdf_data.data(samples.report("non_compliant", (samples.control("ZDR-RET-01", "fail", findings=found),)))["controls"][0][
        "controls"
    ][0]["findings"]
    assert group["where"].replace("\u200b", "").endswith("spool/*")
    assert [row[0].replace("\u200b", "") for row in group["rows"]] == [f"spool/{n:016x}, bytes {n}-9" for n in range(3)]


def test_what_was_left_in_the_target_is_told() -> None:
    left = tuple(
        Leftover(kind="feature:files", id=f"file_{n}", organization="org_a", operation="o", request=f"i-{n}", reason="no means")
        for n in range(60)
    )
    (told,) = pdf_data.data(samples.report().model_copy(update={"leftovers": left}))["leftovers"]
    assert told["words"] == "60 files in org_a: no means."
    assert told["ids"].replace("\u200b", "").startswith("file_0 (i-0), file_1 (i-1), ")
    assert told["ids"].endswith("and 10 more in report.json")
    assert pdf.render(samples.report().model_copy(update={"leftovers": left})) != pdf.render(samples.report())


def test_the_coverage_of_the_interface_and_what_is_odd_in_it_is_told() -> None:
    found = pdf_data.data(samples.failing())["interface"]
    assert found["words"].startswith("3 of 4 documented operations let a request through")
    assert [row[3] for row in found["rows"]] == ["auditor"]
    none = samples.failing().model_copy(update={"interface": None})
    assert pdf_data.data(none)["interface"] == {"words": "", "rows": []}
