"""`zdr-audit run`: the suites under pytest, with our own progress and closing words in place of pytest's."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from zdr_audit import resources
from zdr_audit.plugin import Front
from zdr_audit.report.console import closing
from zdr_audit.report.model import EXIT_STATUS
from zdr_audit.report.sanitize import visible
from zdr_audit.report.write import missing_formats
from zdr_audit.run.progress import reporter

if TYPE_CHECKING:
    from zdr_audit.run.plan import Plan

EXIT_USAGE = 2
HYPOTHESIS_FOLDER = "HYPOTHESIS_STORAGE_DIRECTORY"


def suite_arguments() -> list[str]:
    """Options that make pytest load the shipped suites and nothing that happens to lie around them."""
    suites = resources.suites()
    return [
        str(suites),
        f"--rootdir={suites.parent}",
        f"--confcutdir={suites}",
        f"--config-file={Path(__file__).with_name('suites.ini')}",
        "--disable-plugin-autoload",
        "-p", "zdr_audit.plugin",
        "-p", "no:terminal",
        "-p", "no:cacheprovider",
    ]  # fmt: skip


def run_suites(arguments: list[str], report_dir: Path) -> int:
    """Run the shipped suites with these options; gives the exit status."""
    front, words = _under_pytest(arguments)
    if front.report is None:
        print(f"zdr-audit: {visible(words, lines=True)}", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    console = Console(highlight=False)
    console.print(closing(front.report))
    console.print(f"Report: {report_dir / 'report.html'}", markup=False, soft_wrap=True)
    for name, extra in missing_formats().items():
        console.print(f"Not written: {name} (pip install 'zdr-audit[{extra}]')", markup=False, soft_wrap=True)
    return EXIT_STATUS[front.report.summary.status]


def plan_suites(arguments: list[str]) -> Plan | str:
    """What a run of the shipped suites with these options would send; where that cannot be said, why."""
    front, words = _under_pytest([*arguments, "--dry-run"])
    return words if front.plan is None else front.plan


def _under_pytest(arguments: list[str]) -> tuple[Front, str]:
    """(what came out, why nothing did)."""
    front = Front(reporter(Console(stderr=True)))
    pytest_arguments = [*suite_arguments(), "-p", "no:logging", *arguments]
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    plugins: list[object] = [_Named(front)]
    sys.dont_write_bytecode = True  # the suites may lie in a folder that we should not write to
    with tempfile.TemporaryDirectory(prefix="zdr-audit-") as scratch, front.reporter:
        before = os.environ.get(HYPOTHESIS_FOLDER)
        os.environ[HYPOTHESIS_FOLDER] = before or scratch  # else Hypothesis leaves a folder where the command was called
        try:
            status = pytest.main(pytest_arguments, plugins=plugins)
        finally:
            if before is None:
                del os.environ[HYPOTHESIS_FOLDER]
    stopped = "stopped before anything was sent" if status == pytest.ExitCode.INTERRUPTED else ""
    return front, front.problem or _Named.said or stopped or f"the suites did not run (pytest status {int(status)})"


class _Named:
    """Registers the front under a name, and catches what pytest would have printed of a usage error or a suite that does not import."""

    said: str | None = None

    def __init__(self, front: Front) -> None:
        self._front = front
        _Named.said = None

    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._front, "zdr-audit-front")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            _Named.said = f"a suite cannot be loaded: {report.nodeid}: {str(report.longrepr).strip().splitlines()[-1]}"

    def pytest_internalerror(self, excrepr: object) -> None:
        _Named.said = f"internal error: {str(excrepr).strip().splitlines()[-1]}"
