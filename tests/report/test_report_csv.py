"""`report.csv` has a row a control, and no cell of it is a formula wherever it is opened."""

from __future__ import annotations

import csv
import io
import re

import pytest

from zdr_audit.report import csv_report
from zdr_audit.report.model import Report

from . import hostile, samples

SIGNS = tuple("=+-@\t\r\n|%＝＋－＠")


def rows(report: Report, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_report.render(report).removeprefix("\ufeff"), newline=""), delimiter=delimiter))


def test_there_is_a_header_and_a_row_a_control_in_report_order() -> None:
    table = rows(samples.failing())
    assert tuple(table[0]) == csv_report.COLUMNS
    assert [row[0] for row in table[1:4]] == ["ZDR-RET-01", "ZDR-RET-02", "ZDR-RET-03"]
    assert [row[0] for row in table].index("ZDR-EXC-01") == 19
    assert len(table) == 81


def test_a_failed_control_has_its_verdict_counts_first_place_request_and_clauses() -> None:
    row = dict(zip(csv_report.COLUMNS, rows(samples.failing())[3], strict=True))
    assert row == {
        "id": "ZDR-RET-03",
        "family": "RET",
        "title": "Streamed requests leave nothing behind",
        "severity": "critical",
        "verdict": "fail",
        "reason": "1 of 5 accepted requests left its canary in an evidence source.",
        "accepted": "5",
        "minimum_accepted": "5",
        "findings": "2",
        "first_place": "database, conversations, row 17, column body",
        "first_request": "i-0042 (req_011CSHoEeqs5C35K2UUqR7Fy)",
        "frameworks": "GDPR: Art. 5(1)(e); NIST SP 800-53 rev. 5: SI-12, SI-12(3); SOC 2: C1.1, C1.2",
        "true_verdict": "fail",
        "sent": "5",
        "smallest_request": "One streamed request with content in the user's message. Sent by itself it leaked again; "
        "nothing more can be left out (6 requests tried).",
    }


def test_a_waived_control_keeps_its_true_verdict_beside_the_waiver() -> None:
    found = [dict(zip(csv_report.COLUMNS, row, strict=True)) for row in rows(samples.failing())[1:]]
    assert [(row["verdict"], row["true_verdict"]) for row in found if row["id"] == "ZDR-AUD-09"] == [("waived", "fail")]


def test_a_control_without_findings_has_empty_places() -> None:
    row = rows(samples.compliant())[1]
    assert row[4:11] == ["pass", "Held in 5 of 5 accepted requests; sight proven in 6 of 6 sources.", "5", "5", "0", "", ""]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_cell_never_begins_with_a_sign_of_a_formula(sign: str) -> None:
    assert not csv_report.cell(f"{sign}1+1").startswith(SIGNS)
    assert not csv_report.cell(f"  {sign}1+1").strip().startswith(SIGNS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("=1+1", "'=1+1"), (" =1", " '=1"), ("a;=1", "a;'=1"), ('a;"=1', "a;\"'=1"), ("a = b - c, -d", "a = b - c, -d"), ("-2", "'-2")],
)
def test_only_what_would_begin_a_formula_is_changed(text: str, shown: str) -> None:
    assert csv_report.cell(text) == shown


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("text", [*hostile.ALL.values(), hostile.EVERYTHING], ids=[*hostile.ALL, "everything"])
def test_hostile_text_makes_no_formula_whichever_delimiter_the_reader_takes(text: str, delimiter: str) -> None:
    table = rows(hostile.poison(samples.failing(), text), delimiter)
    assert not [cell for row in table for cell in row if cell.strip(" \"'").startswith(SIGNS) and not re.match(r"""[\s"]*'""", cell)]


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_hostile_text_adds_no_row_and_no_column(text: str) -> None:
    table = rows(hostile.poison(samples.failing(), text))
    assert len(table) == 81
    assert {len(row) for row in table} == {len(csv_report.COLUMNS)}


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_no_hidden_character_is_in_a_cell(text: str) -> None:
    assert all(cell.isprintable() for row in rows(hostile.poison(samples.failing(), text)) for cell in row)


def test_lines_end_as_the_standard_says_and_the_file_is_marked_as_utf8() -> None:
    text = csv_report.render(samples.partial())
    assert text.startswith('\ufeff"id","family"')
    assert text.count("\r\n") == text.count("\n") == 81


def test_a_huge_text_is_cut() -> None:
    assert len(csv_report.render(hostile.poison(samples.failing(), "=" * 10_000_000))) < 1_000_000


def test_clauses_come_in_one_order_whatever_the_order_of_the_mapping() -> None:
    one = samples.control()
    other = one.model_copy(update={"frameworks": dict(reversed(one.frameworks.items()))})
    assert csv_report.render(samples.report(controls=(one,))) == csv_report.render(samples.report(controls=(other,)))
