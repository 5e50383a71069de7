"""`report.html` in a real browser: no request, no error, usable with and without its script, on a phone and on paper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from zdr_audit.report import html
from zdr_audit.report.model import Report

from . import hostile, samples


class Opened:
    """A report opened in the browser, with what the tests ask of it."""

    def __init__(self, browser: Chrome, folder: Path) -> None:
        self.browser = browser
        self.file = folder / "report.html"

    def show(self, report: Report) -> Opened:
        self.file.write_text(html.render(report), encoding="utf-8")
        self.browser.get_log("performance")
        self.browser.get_log("browser")
        self.browser.get("about:blank")
        self.browser.get(self.file.as_uri())
        return self

    def run(self, script: str) -> Any:
        return self.browser.execute_script(script)

    def events(self, method: str) -> list[dict[str, Any]]:
        """Browser events of that name since the page was opened or they were last asked for."""
        found = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        return [event for event in found if event["method"] == method]

    def requests(self) -> list[str]:
        """Addresses that the page asked for, its own file left out."""
        asked = [event["params"]["request"]["url"] for event in self.events("Network.requestWillBeSent")]
        return [url for url in asked if url not in (self.file.as_uri(), "about:blank")]

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def width(self, pixels: int) -> None:
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": pixels < 500}
        )

    def shown_controls(self) -> int:
        return int(self.run("return [...document.querySelectorAll('details.control')].filter((c) => c.checkVisibility()).length"))


@pytest.fixture
def opened(browser: Chrome, tmp_path: Path) -> Iterator[Opened]:
    """The browser at desktop width with scripts on, whatever the test before did."""
    page = Opened(browser, tmp_path)
    page.width(1280)
    yield page
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("sample", [samples.compliant, samples.failing, samples.incomplete, samples.partial])
def test_the_page_asks_for_nothing_and_nothing_goes_wrong(opened: Opened, sample: Any) -> None:
    opened.show(sample())
    assert [url for url in opened.requests() if url != "data:,"] == []
    assert opened.run("return performance.getEntriesByType('resource').length") == 0
    assert opened.complaints() == []


def test_the_security_policy_stops_what_would_slip_through(opened: Opened) -> None:
    opened.show(samples.failing())
    opened.run(
        "const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; document.body.append(s);"
        "const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i);"
    )
    assert "owned" not in opened.browser.title
    assert "csp" in [event["params"].get("blockedReason") for event in opened.events("Network.loadingFailed")]
    assert any("Content Security Policy" in message for message in opened.complaints())


@pytest.mark.parametrize("text", ["script", "attribute", "link", "template", "bidi", "everything"])
def test_hostile_text_neither_runs_nor_loads_anything(opened: Opened, text: str) -> None:
    opened.show(hostile.poison(samples.failing(), (hostile.ALL | {"everything": hostile.EVERYTHING})[text]))
    assert opened.browser.title != "owned"
    assert [url for url in opened.requests() if url != "data:,"] == []
    assert opened.complaints() == []
    assert opened.shown_controls() == 80


def test_the_filter_finds_by_word_and_by_verdict(opened: Opened) -> None:
    opened.show(samples.failing())
    find, status = opened.browser.find_element(By.ID, "find"), opened.browser.find_element(By.ID, "shown")
    assert (opened.shown_controls(), status.text) == (80, "All 80 controls shown")
    find.send_keys("ret-03 STREAMED")
    assert (opened.shown_controls(), status.text) == (1, "1 of 80 controls shown")
    find.clear()
    find.send_keys(Keys.SPACE)
    opened.browser.find_element(By.CSS_SELECTOR, "input[value=pass]").click()
    assert opened.shown_controls() == 8
    assert not opened.browser.find_element(By.ID, "family-CON").is_displayed()
    opened.browser.find_element(By.CSS_SELECTOR, "input[value=pass]").send_keys(Keys.SPACE)
    assert opened.shown_controls() == 80


def test_all_controls_can_be_unfolded_and_folded(opened: Opened) -> None:
    opened.show(samples.failing())
    opened.browser.find_element(By.ID, "unfold").click()
    assert opened.run("return document.querySelectorAll('details.control[open]').length") == 80
    opened.browser.find_element(By.ID, "fold").click()
    assert opened.run("return document.querySelectorAll('details.control[open]').length") == 0


def test_a_link_opens_its_control_even_where_the_filter_hides_it(opened: Opened) -> None:
    opened.show(samples.failing())
    opened.browser.find_element(By.ID, "find").send_keys("no such words")
    assert opened.shown_controls() == 0
    link = opened.browser.find_element(By.CSS_SELECTOR, "article.attention a[href='#ZDR-RET-03']")
    link.click()
    WebDriverWait(opened.browser, 20).until(
        lambda _: opened.shown_controls() == 80
    )  # the browser tells the page of the new address when it likes
    assert opened.run("return document.activeElement.parentElement.querySelector('.id').textContent") == "ZDR-RET-03"
    opened.browser.find_element(By.ID, "fold").click()
    link.click()
    assert opened.browser.find_element(By.ID, "ZDR-RET-03").is_displayed()


def test_a_control_unfolds_by_keyboard(opened: Opened) -> None:
    opened.show(samples.failing())
    opened.run("document.querySelector('details.control > summary').focus()")
    opened.browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert opened.browser.find_element(By.ID, "ZDR-RET-01").is_displayed()


def test_without_scripts_everything_can_be_read_and_dead_buttons_are_hidden(opened: Opened) -> None:
    opened.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened.show(samples.failing())
    assert opened.run("return document.documentElement.className") == ""
    assert not opened.browser.find_element(By.ID, "find").is_displayed()
    assert opened.shown_controls() == 80
    opened.browser.find_element(By.CSS_SELECTOR, "details.control > summary").click()
    assert "Once the answer has been returned" in opened.browser.find_element(By.ID, "ZDR-RET-01").text


def test_without_scripts_a_link_still_opens_its_control(opened: Opened) -> None:
    opened.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened.show(samples.failing())
    opened.browser.find_element(By.CSS_SELECTOR, "article.attention a[href='#ZDR-RET-03']").click()
    assert opened.browser.find_element(By.ID, "ZDR-RET-03").is_displayed()


@pytest.mark.parametrize(
    ("pixels", "text"),
    [(400, ""), (700, ""), (1000, ""), (1280, ""), (400, "x" * 5_000), (1280, "x" * 5_000), (700, "<b>" * 900)],
    ids=["400", "700", "1000", "1280", "400-unbroken", "1280-unbroken", "700-tags"],
)
def test_the_page_is_never_wider_than_the_screen(opened: Opened, pixels: int, text: str | None) -> None:
    opened.width(pixels)
    opened.show(hostile.poison(samples.failing(), text) if text else samples.failing())
    opened.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert opened.run("return document.documentElement.scrollWidth") <= pixels


def test_page_one_fits_a_desktop_screen(opened: Opened) -> None:
    opened.show(samples.failing())
    bottom = opened.run("return document.querySelector('table.families tfoot').getBoundingClientRect().bottom")
    assert bottom <= 850


def test_paper_shows_what_is_folded_and_what_is_filtered_out(opened: Opened) -> None:
    opened.show(samples.failing())
    opened.browser.find_element(By.ID, "find").send_keys("no such words")
    opened.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert opened.shown_controls() == 80
    visible = "return document.querySelector('#ZDR-RET-03 .finding').checkVisibility({ contentVisibilityAuto: true })"
    assert opened.run(visible)
    assert not opened.browser.find_element(By.ID, "find").is_displayed()


def test_an_a4_page_has_the_tables_of_a_desktop_and_nothing_beyond_its_edge(opened: Opened) -> None:
    opened.width(680)  # 180 mm at 96 dpi
    opened.show(samples.failing())
    opened.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert opened.browser.find_element(By.CSS_SELECTOR, "table.families thead").is_displayed()
    assert opened.run("return document.documentElement.scrollWidth") <= 680


def test_a_dark_screen_gets_a_dark_page(opened: Opened) -> None:
    def ground() -> str:
        return str(opened.run("return getComputedStyle(document.body).backgroundColor"))

    opened.show(samples.failing())
    light = ground()
    opened.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    assert (light, ground()) == ("rgb(255, 255, 255)", "rgb(20, 24, 28)")


def test_a_screen_reader_gets_names_roles_and_order(opened: Opened) -> None:
    opened.show(samples.failing())
    tree = opened.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    nodes = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n.get("ignored") and "role" in n]
    roles = {role for role, _ in nodes}
    assert {"main", "table", "columnheader", "rowheader", "searchbox", "checkbox", "heading", "region", "status"} <= roles
    assert all(name for role, name in nodes if role in ("searchbox", "checkbox", "button", "link", "heading", "DisclosureTriangle"))
    headings = [name for role, name in nodes if role == "heading"]
    assert headings[:3] == ["Reference simulator", "Not compliant", "What was audited"]
    summaries = [name for role, name in nodes if role == "DisclosureTriangle"]
    assert any("Pass" in name and "ZDR-RET-01" in name and "Accepted" in name and "Sight" in name for name in summaries)


def test_the_heading_levels_leave_no_gap(opened: Opened) -> None:
    opened.show(samples.failing())
    levels = [int(tag[1]) for tag in opened.run("return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => h.tagName)")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
