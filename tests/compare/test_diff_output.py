"""The difference on a terminal, as a page, and as an exit status."""

from __future__ import annotations

from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from report import hostile, samples
from rich.console import Console

from zdr_audit.cli import main
from zdr_audit.cli_pack import against_baseline, baseline_report
from zdr_audit.compare import html
from zdr_audit.compare.difference import Difference, compare
from zdr_audit.compare.load import CompareError, load_report
from zdr_audit.compare.text import SHOWN, as_text
from zdr_audit.report import json_report
from zdr_audit.report.model import Report


def shown(difference: Difference) -> str:
    out = StringIO()
    Console(file=out, width=80, force_terminal=True, highlight=False).print(as_text(difference))
    return out.getvalue()


def plain(difference: Difference) -> str:
    out = StringIO()
    Console(file=out, width=200, highlight=False).print(as_text(difference))
    return out.getvalue()


def write(folder: Path, report: Report) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json_report.render(report))
    return folder


def diff(*words: object) -> Result:
    return CliRunner().invoke(main, ["diff", *(str(w) for w in words)])


WORSE = compare(samples.compliant(), samples.failing())


def test_each_section_is_there_that_has_something_to_say() -> None:
    text = plain(WORSE)
    assert [
        title for title in ("New findings (4)", "Verdicts that changed", "Still there", "Fixed", "Samples that shrank") if title in text
    ] == [
        "New findings (4)",
        "Verdicts that changed",
        "Samples that shrank",
    ]
    assert text.rstrip().splitlines()[-1].startswith("WORSE: 4 new findings; 8 controls with a worse verdict; ")


def test_nothing_worse_is_said_in_so_many_words() -> None:
    assert plain(compare(samples.failing(), samples.failing())).rstrip().endswith("Nothing is worse.")


def test_the_way_back_shows_what_was_fixed() -> None:
    text = plain(compare(samples.failing(), samples.compliant()))
    assert "Fixed (4)" in text
    assert text.rstrip().endswith("Nothing is worse.")


def test_fingerprints_are_shown_whole_so_that_they_can_be_waived() -> None:
    assert all(f.fingerprint in plain(WORSE) for f in WORSE.findings)


def test_a_long_list_is_cut_and_says_so() -> None:
    many = tuple(samples.finding(object=f"table{'abcdefghijklmnopqrstuvwxyz'[n % 26]}{'x' * (n // 26)}") for n in range(SHOWN + 7))
    new = samples.report("non_compliant", (samples.control("ZDR-RET-01", "fail", findings=many),))
    assert "and 7 more" in plain(compare(samples.report("compliant", (samples.control("ZDR-RET-01"),)), new))


class _Parsed(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_needs_no_network_and_no_script() -> None:
    tags = _Parsed(html.render(WORSE)).tags
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags}
    assert not [a for _, attributes in tags for a in attributes if a in ("src", "href") or a.startswith("on")]


def test_hostile_text_gives_the_same_tags_and_drives_no_terminal() -> None:
    poisoned = hostile.poison(samples.failing(), hostile.EVERYTHING)
    clean = _Parsed(html.render(compare(samples.compliant(), samples.failing()))).tags
    difference = compare(samples.compliant(), poisoned)
    tags = _Parsed(html.render(difference)).tags
    assert {tag for tag, _ in tags} <= {tag for tag, _ in clean} | {"section", "ul", "li"}
    assert not [a for _, attributes in tags for a in attributes if a.startswith("on")]
    assert "\u202e" not in html.render(difference)
    raw = plain(difference)
    assert "\x1b" not in raw
    assert "\u202e" not in raw
    assert "\x1b]" not in shown(difference)


def test_the_page_depends_on_the_reports_alone() -> None:
    assert html.render(WORSE) == html.render(compare(samples.compliant(), samples.failing()))


def test_the_exit_status_is_one_where_something_is_worse(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a", samples.compliant()), write(tmp_path / "b", samples.failing())
    assert diff(good, bad).exit_code == 1
    assert diff(bad, good).exit_code == 0
    assert diff(bad, bad / "report.json").exit_code == 0


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"schema": "zdr-audit/report/2"}'])
def test_what_is_no_report_is_bad_usage_in_one_line(tmp_path: Path, content: str | None) -> None:
    good = write(tmp_path / "a", samples.compliant())
    other = tmp_path / "other"
    other.mkdir()
    if content is not None:
        (other / "report.json").write_text(content)
    done = diff(good, other)
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1
    with pytest.raises(CompareError):
        load_report(other)


def test_the_page_is_written_where_asked(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a", samples.compliant()), write(tmp_path / "b", samples.failing())
    assert diff(good, bad, "--html", tmp_path / "diff.html").exit_code == 1
    assert (tmp_path / "diff.html").read_text() == html.render(WORSE)


def test_a_page_that_cannot_be_written_is_bad_usage(tmp_path: Path) -> None:
    good = write(tmp_path / "a", samples.compliant())
    assert diff(good, good, "--html", tmp_path / "gone" / "diff.html").exit_code == 2


@pytest.mark.parametrize(("status", "expected"), [(0, 1), (1, 1), (3, 3)])
def test_a_compliant_run_that_is_worse_than_its_baseline_exits_with_one(tmp_path: Path, status: int, expected: int) -> None:
    folder = write(tmp_path, samples.failing())
    assert against_baseline(status, samples.compliant(), folder) == expected


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_baseline_as_bad_as_the_run_excuses_nothing(tmp_path: Path, status: int) -> None:
    folder = write(tmp_path, samples.failing())
    assert against_baseline(status, samples.failing(), folder) == status


def test_a_run_that_could_not_start_is_compared_with_nothing(tmp_path: Path) -> None:
    assert against_baseline(2, samples.compliant(), tmp_path) == 2


def test_a_run_without_baseline_keeps_its_status(tmp_path: Path) -> None:
    assert baseline_report(None) is None
    assert against_baseline(3, None, tmp_path) == 3


def test_a_baseline_that_is_no_report_stops_the_run_before_anything_is_sent(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", "--target", "simulator", "--report-dir", str(tmp_path / "out"), "--baseline", str(tmp_path)])
    assert (done.exit_code, "report.json: cannot be read" in done.output) == (2, True)
    assert not (tmp_path / "out").exists()
