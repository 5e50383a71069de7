"""What a log shows of a run: a line a phase, and how far a long one is."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from zdr_audit.run.progress import EVERY_SECONDS, Lines, Live


def test_a_long_phase_says_how_far_it_is_and_a_short_one_does_not() -> None:
    said, clock = io.StringIO(), [100.0]
    lines = Lines(Console(file=said, width=40), lambda: clock[0])
    lines.phase("Sending", 3)
    for what, seconds in (("[one] a story with a title that is longer than a line is wide", EVERY_SECONDS - 1), ("two", 2), ("three", 1)):
        lines.step(what)
        clock[0] += seconds
        lines.done()
    lines.phase("Reading", 1)
    lines.step("a file")
    lines.done()
    assert said.getvalue().splitlines() == ["Sending (3)", f"  2 of 3 after {EVERY_SECONDS + 1} s; now: three", "Reading (1)"]


def test_a_step_before_any_phase_has_no_time_and_one_after_it_begins_has() -> None:
    said, clock = io.StringIO(), [64_712.0]
    lines = Lines(Console(file=said, width=40), lambda: clock[0])
    lines.step("ZDR-ADM-01")
    lines.done()
    assert said.getvalue() == ""
    lines.phase("Checking controls", 2)
    clock[0] += EVERY_SECONDS
    lines.step("ZDR-ADM-01")
    assert said.getvalue().splitlines() == ["Checking controls (2)", f"  0 of 2 after {EVERY_SECONDS} s; now: ZDR-ADM-01"]


@pytest.mark.parametrize("what", ["file a[/b]", "file \x1b]0;owned\x07", "file [link=https://evil.example]x[/link]"])
@pytest.mark.parametrize("live", [True, False])
def test_what_the_target_calls_its_own_moves_nothing_on_the_terminal(what: str, live: bool) -> None:
    said, clock = io.StringIO(), [100.0]
    console = Console(file=said, width=100, force_terminal=live)
    progress = Live(console) if live else Lines(console, lambda: clock[0])
    with progress:
        progress.phase("Removing", 2)
        clock[0] += EVERY_SECONDS
        progress.step(what)
    assert "\x1b]" not in said.getvalue() and "\x07" not in said.getvalue()
    assert what.partition("\x1b")[0] in said.getvalue()
