"""The closing words read well at 80 columns, without colour, and whatever a target sends."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from zdr_audit.report import console
from zdr_audit.report.model import Report

from . import hostile, samples


def printed(report: Report, width: int = 80, *, colour: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None, legacy_windows=False).print(
        console.closing(report)
    )
    return out.getvalue()


@pytest.mark.parametrize("sample", [samples.compliant, samples.failing, samples.incomplete, samples.partial])
def test_no_line_is_wider_than_the_terminal(sample: Callable[[], Report]) -> None:
    assert max(len(line) for line in printed(sample()).splitlines()) <= 80


def test_the_table_counts_controls_by_family_and_verdict() -> None:
    lines = [line.split() for line in printed(samples.failing()).splitlines()]
    assert ["Family", "Pass", "Fail", "Inconclusive", "Not", "tested", "Waived", "N/A", "Total"] in lines
    assert ["RET", "Retention", "15", "1", "2", "-", "-", "-", "18"] in lines
    assert ["BLK", "Blocked", "features", "12", "1", "-", "-", "-", "-", "13"] in lines
    assert ["All", "72", "2", "2", "2", "1", "1", "80"] in lines


def test_verdicts_that_do_not_occur_take_no_column_but_those_that_matter_stay() -> None:
    header = next(line for line in printed(samples.compliant()).splitlines() if "Family" in line)
    assert header.split() == ["Family", "Pass", "Fail", "Inconclusive", "Not", "tested", "Total"]


def test_a_failed_control_names_reason_place_and_request() -> None:
    text = printed(samples.failing())
    assert "FAIL          ZDR-RET-03 Streamed requests leave nothing behind" in text
    assert "1 of 5 accepted requests left its canary in an evidence source." in text
    assert "at database, conversations, row 17, column body" in text
    assert "request i-0042 (req_011CSHoEeqs5C35K2UUqR7Fy) and 1 more finding" in text


def test_open_controls_of_one_reason_share_an_entry() -> None:
    text = " ".join(printed(samples.incomplete()).split())
    assert "INCONCLUSIVE ZDR-RET-01..18, ZDR-EXC-01..06," in text
    assert "(80 controls) No request was accepted" in text


@pytest.mark.parametrize(
    ("sample", "ending"),
    [
        (samples.compliant, "COMPLIANT: The backend kept its promise in every control that was checked. [exit status 0]"),
        (samples.failing, "and remote sessions are not refused. [exit status 1]"),
        (samples.incomplete, "INCOMPLETE: No verdict: the target accepted no request. [exit status 3]"),
    ],
)
def test_the_last_line_is_the_verdict(sample: Callable[[], Report], ending: str) -> None:
    assert " ".join(printed(sample()).split()).endswith(ending)


def test_a_partial_run_says_so_beside_its_verdict() -> None:
    assert "COMPLIANT (PARTIAL: selected controls only): " in printed(samples.partial())
    assert "PARTIAL" not in printed(samples.compliant())


def test_nothing_is_listed_as_open_where_nothing_is() -> None:
    assert "ZDR-" not in printed(samples.compliant())


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_hostile_text_cannot_drive_the_terminal(text: str) -> None:
    shown = printed(hostile.poison(samples.failing(), text), width=120)
    assert all(char == "\n" or char.isprintable() for char in shown)
    assert shown.encode()


def test_colour_is_the_only_thing_that_reaches_a_colour_terminal() -> None:
    hidden = hostile.ANSI + hostile.OSC + hostile.MARKUP
    shown = printed(hostile.poison(samples.failing(), hidden), width=120, colour=True)
    assert "\x1b[1;31mFAIL" in shown
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "\x1b[8m" not in shown


def test_markup_of_the_target_is_shown_and_not_obeyed() -> None:
    report = samples.report("non_compliant", (samples.control("ZDR-RET-01", "fail", reason=hostile.MARKUP),))
    assert "[bold red]PASS[/] [link=http://198.51.100.7]x[/link] [/nonsense] :warning:" in printed(report, width=120)


def test_a_huge_text_is_cut() -> None:
    assert len(printed(hostile.poison(samples.failing(), "x" * 10_000_000))) < 100_000
