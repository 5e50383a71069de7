"""The pages under axe-core, the accessibility checker: no finding of weight, light or dark, folded or unfolded, wide or narrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from zdr_audit.compare import html as difference_page
from zdr_audit.compare.difference import compare
from zdr_audit.report import html
from zdr_audit.report.model import Report

from . import samples

# The wheel is wanted for the script it carries; its Playwright part is not used.
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
WEIGHTY = ("serious", "critical")

PAGES: dict[str, Callable[[], str]] = {
    "compliant": lambda: html.render(samples.compliant()),
    "failing": lambda: html.render(samples.failing()),
    "incomplete": lambda: html.render(samples.incomplete()),
    "difference": lambda: difference_page.render(compare(samples.compliant(), samples.failing())),
    "difference, better": lambda: difference_page.render(compare(samples.failing(), samples.incomplete())),
}


def one_of_each(report: Report) -> Report:
    """The report with the first control of each verdict and method in each family: axe-core takes long over 80 unfolded ones."""
    chosen = {(control.family, control.verdict, control.method): control for control in reversed(report.controls)}
    return report.model_copy(update={"controls": tuple(c for c in report.controls if c in chosen.values())})


class Checked:
    """A page in the browser, and what axe-core says of it.

    Axe comes in through the DevTools protocol, so the page keeps the content security policy that it is published with.
    """

    def __init__(self, browser: Chrome, folder: Path) -> None:
        self.browser = browser
        self.file = folder / "page.html"

    def show(self, page: str, *, scheme: str = "light", pixels: int = 1280) -> Checked:
        self.file.write_text(page, encoding="utf-8")
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": pixels < 500}
        )
        self.browser.get("about:blank")
        self.browser.get(self.file.as_uri())
        return self

    def unfold(self) -> Checked:
        self.browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        return self

    def _evaluate(self, expression: str) -> Any:
        answer = self.browser.execute_cdp_cmd("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def findings(self) -> list[str]:
        """One line for each place that axe-core finds fault with: impact, rule, place, what to mend."""
        self._evaluate(AXE)
        result = self._evaluate("axe.run(document, { resultTypes: ['violations'] })")
        assert len(result["passes"]) > 10, "axe-core looked at next to nothing"
        return [
            f"{node['impact']} {rule['id']} at {' '.join(map(str, node['target']))}: {' '.join(node['failureSummary'].split())}"
            for rule in result["violations"]
            for node in rule["nodes"]
        ]

    def weighty(self) -> list[str]:
        return [line for line in self.findings() if line.startswith(WEIGHTY)]


pytestmark = pytest.mark.exhaustive


@pytest.fixture
def checked(browser: Chrome, tmp_path: Path) -> Iterator[Checked]:
    yield Checked(browser, tmp_path)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_has_no_finding_of_weight_on_the_page(checked: Checked, name: str, scheme: str) -> None:
    checked.show(PAGES[name](), scheme=scheme)
    assert checked.weighty() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sample", [samples.compliant, samples.failing, samples.incomplete])
def test_axe_has_no_finding_of_weight_in_what_is_folded_away(checked: Checked, sample: Callable[[], Report], scheme: str) -> None:
    checked.show(html.render(one_of_each(sample())), scheme=scheme).unfold()
    assert checked.weighty() == []


def test_axe_has_no_finding_of_weight_on_a_phone(checked: Checked) -> None:
    checked.show(html.render(one_of_each(samples.failing())), pixels=400).unfold()
    assert checked.weighty() == []
    checked.show(PAGES["difference"](), pixels=400)
    assert checked.weighty() == []


@pytest.mark.parametrize(
    ("name", "rule", "spoilt"),
    [
        ("failing", "color-contrast", ("</style>", "main p { color: #999; background: #aaa; }</style>")),
        ("difference", "color-contrast", ("</style>", "main p { color: #999; background: #aaa; }</style>")),
        ("difference", "html-has-lang", ('<html lang="en"', "<html")),
        ("difference", "document-title", ("<title>", "<title></title><desc>")),
        ("difference", "image-alt", ("</main>", '<img src="data:,"></main>')),
        ("difference", "button-name", ("</main>", "<button></button></main>")),
    ],
)
def test_a_spoilt_page_is_found(checked: Checked, name: str, rule: str, spoilt: tuple[str, str]) -> None:
    page = PAGES[name]()
    assert spoilt[0] in page
    checked.show(page.replace(*spoilt, 1))
    assert any(f" {rule} at " in line for line in checked.weighty())
