"""`report.html` as text: self-contained, well-formed, escaped, complete. What a browser makes of it is in test_report_browser.py."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from zdr_audit import resources
from zdr_audit.report import html
from zdr_audit.report.model import Report, SourceReading

from . import hostile, samples

SAMPLES: list[Callable[[], Report]] = [samples.compliant, samples.failing, samples.incomplete, samples.partial]
VOID = {"meta", "link", "input", "br", "path", "circle", "use", "img", "hr"}


class Page(HTMLParser):
    """The elements of a page, its text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, name: str) -> list[str]:
        return [value or "" for _, attributes in self.elements for key, value in attributes.items() if key == name]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_page_is_well_formed_and_its_ids_are_unique(sample: Callable[[], Report]) -> None:
    page = Page(html.render(sample()))
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.all("href") if href.startswith("#")} <= set(ids)
    assert set(" ".join(page.all("aria-labelledby")).split()) <= set(ids)


@pytest.mark.parametrize("sample", SAMPLES)
def test_nothing_is_loaded_from_anywhere(sample: Callable[[], Report]) -> None:
    page = Page(html.render(sample()))
    assert not page.all("src")
    assert all(href == "data:," or href.startswith("#") for href in page.all("href"))
    style = (resources.templates() / "report.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_the_security_policy_allows_this_script_and_nothing_else() -> None:
    text = html.render(samples.failing())
    script = re.search(r"<script>(.*?)</script>", text, re.S)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = next(a["content"] for _, a in Page(text).elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert text.count("<script") == 1


def test_page_one_says_verdict_target_scope_gaps_and_sample_sizes_before_any_control() -> None:
    text = Page(html.render(samples.failing())).text
    front = text[: text.index("What needs attention")]
    for words in (
        "Not compliant",
        "2 of 80 controls failed",
        "Reference simulator",
        "http://127.0.0.1:8641",
        "Covered Inference of Claude Code",
        "Not covered Chat and Cowork",
        "requests sent 1,412",
        "accepted 1,398",
        "searched 17.8 MB",
        "not examined 2",
        "Retention 15 1 2 0 0 0 18",
        "All 72 2 2 2 1 1 80",
    ):
        assert words in front


def test_a_partial_run_says_so_in_the_title_beside_the_verdict_and_in_words() -> None:
    text = html.render(samples.partial())
    assert "<title>Compliant (partial): zero data retention audit of Reference simulator</title>" in text
    assert "Compliant PARTIAL" in Page(text).text
    assert "The verdict speaks of the 18 selected controls alone" in Page(text).text
    assert "PARTIAL" not in Page(html.render(samples.failing())).text


def test_an_incomplete_run_is_not_to_be_read_as_a_pass() -> None:
    text = Page(html.render(samples.incomplete())).text
    assert "Incomplete No verdict: the target accepted no request." in text
    assert "It must not be read as a pass." in text
    assert "The first sanity probe failed: POST /v1/messages was answered with 401." in text


def test_what_needs_attention_comes_before_the_controls_with_place_request_and_remedy() -> None:
    text = Page(html.render(samples.failing())).text
    block = text[text.index("What needs attention") : text.index("Find ")]
    assert block.index("ZDR-RET-03") < block.index("ZDR-BLK-02") < block.index("ZDR-RET-11") < block.index("ZDR-EXC-02")
    for words in (
        "database, conversations, row 17, column body",
        "i-0042 (req_011",
        "org-subject",
        "What to do: Stop writing",
        "2 controls for one reason",
    ):
        assert words in block


def test_a_compliant_run_needs_no_attention() -> None:
    assert "Nothing: no control failed, and none was left inconclusive or untested." in Page(html.render(samples.compliant())).text


def test_every_control_is_there_once_with_all_that_is_known_of_it() -> None:
    page = Page(html.render(samples.failing()))
    assert page.all("data-verdict").count("pass") == 72
    assert len(page.all("data-verdict")) == 80
    for words in (
        "GDPR Art. 5(1)(e)",
        "NIST SP 800-53 rev. 5 SI-12, SI-12(3)",
        "intro.processing",
        "5 requests sent, 5 accepted, at least 5 needed.",
        "below 45.1 % at 95 % confidence",
        "Form, outermost first gzip",
        "row 17, column body i-0042 req_011CSHoEeqs5C35K2UUqR7Fy qz7k0042x org-subject claude-sonnet-4-5 2026-11-23 09:05:11 UTC ...qz7k0042x...",
        "retention/test_plain.py::test_ret_03",
        "Plain requests: 2 of 3 dealt with (2 accepted, 1 rate limited)",
        "database main: first 2 of 10 10 of 10 by control: qz7k0107x in conversations",
        "database main: settled 2 of 10 9 of 10 by control: qz7k0107x in conversations",
        "Verdict without the waiver Fail",
    ):
        assert words in page.text


def test_the_verdict_is_always_a_word_and_never_a_colour_or_symbol_alone() -> None:
    text = html.render(samples.failing())
    badges = re.findall(r'<span class="badge v-\w+">(.*?)</span>', text)
    assert len(badges) > 80
    assert all(re.sub(r"<svg.*?</svg>", "", badge).strip() for badge in badges)


def test_evidence_sources_show_each_reading_and_what_was_not_examined() -> None:
    text = Page(html.render(samples.failing())).text
    part = text[text.index("Evidence sources") :]
    assert "main, first 2026-11-23 09:06:30 UTC 1,482,752 31 2 214 0" in part
    assert "core.4711 : unknown container format" in part
    assert "database sqlite relational database, live rows and raw pages 2 findings" in part


def test_a_source_that_could_not_be_read_says_so() -> None:
    reading = SourceReading(
        epoch="main",
        reading="first",
        at="never",
        objects=0,
        bytes=0,
        subject_hits=0,
        control_hits=0,
        not_examined=(),
        error="permission denied",
    )
    sources = (samples.source("logs", "files", "log file").model_copy(update={"readings": (reading,)}),)
    assert "Could not be read: permission denied" in Page(html.render(samples.report(sources=sources))).text


def test_a_blind_reading_is_called_blind() -> None:
    control = samples.control("ZDR-RET-01", "inconclusive", sight=samples.sight_everywhere("blind"))
    text = Page(html.render(samples.report("incomplete", (control,)))).text
    assert "6 blind" in text
    assert "Blind 214" in text


def test_provenance_and_the_command_that_repeats_the_run_are_there() -> None:
    text = Page(html.render(samples.failing())).text
    for words in ("Run run-01hx3c9k", "Seed 20261123", "sha256:3d3d", "zdr-audit run --target simulator --depth standard --seed 20261123"):
        assert words in text


def test_a_report_without_controls_sources_and_probes_can_be_shown() -> None:
    text = Page(html.render(samples.report("incomplete", (), sources=(), sanity=()))).text
    for words in ("No control was judged.", "No evidence source was declared.", "No probe was made."):
        assert words in text


def test_long_lists_are_cut_and_the_rest_is_counted() -> None:
    control = samples.control("ZDR-RET-01", "fail", findings=tuple(samples.finding(request=f"i-{n:05d}") for n in range(1_060)))
    text = Page(html.render(samples.report("non_compliant", (control,)))).text
    assert "i-00049" in text
    assert "i-00050" not in text
    assert "1,010 more findings are in report.json." in text


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_hostile_text_adds_no_element_and_no_attribute(text: str) -> None:
    def shape(report: Report) -> list[tuple[str, list[str]]]:
        elements = Page(html.render(report)).elements
        return [(tag, sorted(attributes)) for tag, attributes in elements if tag != "p"]  # blank lines make paragraphs

    harmless = "x" if text.strip() else text  # an empty text leaves some elements out, as it should
    assert shape(hostile.poison(samples.failing(), text)) == shape(hostile.poison(samples.failing(), harmless))


def test_hostile_text_is_shown_as_it_is_with_escapes() -> None:
    shown = Page(html.render(hostile.poison(samples.failing(), hostile.SCRIPT))).text
    assert "<script>document.title='owned'</script>" in shown
    shown = Page(html.render(hostile.poison(samples.failing(), hostile.TEMPLATE))).text
    assert "{{ 7 * 7 }}{% for x in range(9) %}" in shown
    shown = Page(html.render(hostile.poison(samples.failing(), hostile.OSC))).text
    assert r"\x1b]0;owned\x07" in shown


@pytest.mark.parametrize("text", hostile.ALL.values(), ids=hostile.ALL.keys())
def test_no_hidden_character_reaches_the_page(text: str) -> None:
    rendered = html.render(hostile.poison(samples.failing(), text))
    assert all(char == "\n" or char.isprintable() for char in rendered)


def test_a_huge_text_is_cut() -> None:
    assert len(html.render(hostile.poison(samples.failing(), "<" * 10_000_000))) < 3_000_000


def test_a_template_that_asks_for_what_is_not_there_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        html._environment().from_string("{{ report.nothing }}").render(report=samples.partial())


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-11-23T09:05:00Z", "2026-11-23T09:05:52Z", "took 52 s"),
        ("2026-11-23T09:05:00Z", "2026-11-23T09:45:00Z", "took 40 min"),
        ("2026-11-23T09:05:00Z", "2026-11-24T10:15:00Z", "took 25 h 10 min"),
    ],
)
def test_the_duration_is_told_in_words(start: str, end: str, shown: str) -> None:
    assert shown in html.render(samples.report(started_at=start, ended_at=end))


@pytest.mark.parametrize("end", ["soon", "2026-11-23T09:05:52", "2026-11-22T09:05:52Z"])
def test_no_duration_is_told_where_times_cannot_be_compared(end: str) -> None:
    assert "took" not in html.render(samples.report(ended_at=end))


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_every_text_colour_has_enough_contrast_on_every_ground(scheme: int) -> None:
    style = (resources.templates() / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    assert len(blocks) == 3
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    for ground in ("page", "panel", "fail-panel", "warn-panel", "pass-panel"):
        for text in ("text", "muted", "link", "pass", "fail", "warn", "waived", "none"):
            light, dark = sorted((_luminance(colours[ground]), _luminance(colours[text])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, text)
