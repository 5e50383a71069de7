"""`report.md` says what a reader of a job page needs, and nothing in it can act: GitHub's own parser reads every hostile report."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from zdr_audit.report import markdown
from zdr_audit.report.model import Report

from . import hostile, samples

cmarkgfm = pytest.importorskip("cmarkgfm", reason="GitHub's parser is not installed")
OURS = {"h2", "h3", "h4", "p", "strong", "code", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "span"}


def as_html(text: str) -> str:
    return str(
        cmarkgfm.markdown_to_html_with_extensions(
            text, options=cmarkgfm.Options.CMARK_OPT_UNSAFE, extensions=["table", "autolink", "strikethrough"]
        )
    )


def elements(text: str) -> list[str]:
    return re.findall(r"<([a-z][a-z0-9]*)", as_html(text))


def test_the_verdict_comes_first_and_in_words() -> None:
    lines = markdown.render(samples.failing()).splitlines()
    assert lines[0] == "## Zero data retention audit: Not compliant"
    assert lines[2].startswith("**2 of 80 controls failed")


def test_an_incomplete_run_says_that_it_is_no_pass() -> None:
    text = markdown.render(samples.incomplete())
    assert text.startswith("## Zero data retention audit: Incomplete\n")
    assert "must not be read as a pass" in text
    assert "Compliant" not in text


def test_a_partial_run_is_called_partial() -> None:
    assert markdown.render(samples.partial()).startswith("## Zero data retention audit: Compliant (PARTIAL: selected controls only)\n")


def test_families_and_totals_are_in_one_table() -> None:
    shown = re.sub(r"<[^>]+>", " ", as_html(markdown.render(samples.failing())))
    words = " ".join(shown.split())
    assert "Family Pass Fail Inconclusive Not tested Waived Not applicable Total Retention 15 1 2 0 0 0 18" in words
    assert "All 72 2 2 2 1 1 80" in words


def test_a_failed_control_shows_its_findings_request_remedy_and_how_to_reproduce_it() -> None:
    text = markdown.render(samples.failing())
    block = text[text.index("#### Fail: `ZDR-RET-03`") :]
    for words in (
        "at `database, conversations, row 17, column body`; as `gzip > base64 > plain`; request `i-0042 (req_011",
        "To reproduce: `zdr-audit run --target simulator --depth standard --seed 20261123 --controls ZDR-RET-03`",
        "Remedy: Stop writing",
    ):
        assert words in block[: block.index("#### Fail: `ZDR-BLK-02`")]


def test_sample_sizes_and_gaps_are_told() -> None:
    text = markdown.render(samples.failing())
    assert "| 1,412 | 1,398 | 2,630 | 6 | 12 | 17,793,024 | 2 |" in text
    assert "- Third-party integrations and MCP servers" in text


def test_many_findings_are_cut_and_the_rest_is_counted() -> None:
    control = samples.control("ZDR-RET-01", "fail", findings=tuple(samples.finding(request=f"i-{n:05d}") for n in range(1_060)))
    text = markdown.render(samples.report("non_compliant", (control,)))
    assert "i-00004" in text
    assert "i-00005" not in text
    assert "1,055 more findings" in text


@pytest.mark.parametrize("text", [*hostile.ALL.values(), hostile.EVERYTHING], ids=[*hostile.ALL, "everything"])
def test_hostile_text_makes_no_link_image_or_element(text: str) -> None:
    rendered = markdown.render(hostile.poison(samples.failing(), text))
    assert set(elements(rendered)) <= OURS
    assert all(char == "\n" or char.isprintable() for char in rendered)


@pytest.mark.parametrize("name", [name for name in hostile.ALL if name not in ("empty", "blank")])
def test_hostile_text_leaves_the_structure_as_it_is(name: str) -> None:
    def structure(text: str) -> list[str]:
        return [e for e in elements(markdown.render(hostile.poison(samples.failing(), text))) if e != "span"]

    assert structure(hostile.ALL[name]) == structure("x")


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://198.51.100.7/x.png)",
        "[x](javascript:alert)",
        "<http://198.51.100.7>",
        "http://198.51.100.7/ and www.example.com and me@example.com",
        "https://198.51.100.7/",
        "# heading",
        "- item",
        "1. item",
        "1) item",
        "+ item",
        "> quote",
        "~~gone~~ **bold** _it_ `code`",
        "| a | b |",
        "***",
        "===",
        "&lt;b&gt; &#64;",
        "[ref]: /x",
        "```",
    ],
)
def test_markdown_in_a_text_is_shown_as_it_stands(text: str) -> None:
    shown = as_html(markdown.prose(text))
    assert set(re.findall(r"<([a-z0-9]+)", shown)) <= {"p", "span"}
    plain = re.sub(r"</?(?:p|span)>", "", shown).strip()
    for entity, char in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        plain = plain.replace(entity, char)
    assert plain == text


@pytest.mark.parametrize("text", ["a`b", "``x``", "`", "```` x", "<b> & | \\ [x](y)"])
def test_code_shows_back_ticks_and_everything_else_as_it_stands(text: str) -> None:
    shown = as_html(f"at {markdown.code(text)}.")
    found = re.fullmatch(r"<p>at <code>(.*)</code>\.</p>\n", shown)
    assert found
    assert found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_a_huge_text_is_cut() -> None:
    assert len(markdown.render(hostile.poison(samples.failing(), "*" * 10_000_000))) < 200_000


@pytest.mark.parametrize("sample", [samples.compliant, samples.failing, samples.incomplete, samples.partial])
def test_equal_reports_give_equal_text(sample: Callable[[], Report]) -> None:
    assert markdown.render(sample()) == markdown.render(sample())
