"""What leaks is minimised to a request that a person would write down: real audits of the simulator with a violation, of one control each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zdr_audit.violations import load_violations

from .seeded import audit, quick_profile

VIOLATIONS = {violation.id: violation for violation in load_violations()}


def smallest(folder: Path, name: str, control: str) -> list[dict[str, Any]]:
    """The minimised requests of an audit, of which every finding of the control names one."""
    run = audit(quick_profile(folder), folder / "report", VIOLATIONS[name], [control])
    assert run.failed == [control], run.told()
    found = run.report["minimised"]
    assert {finding["minimised"] for finding in run.controls[control]["findings"]} <= {item["id"] for item in found}
    assert {item["outcome"] for item in found} == {"reduced"}
    assert all(item["smallest"] and item["request"] and item["script"] for item in found)
    assert run.report["run"]["requests_to_minimise"] <= 40
    return found


def test_a_streamed_prompt_in_a_trace_needs_streaming_alone(tmp_path: Path) -> None:
    (item,) = smallest(tmp_path, "ret-streamed-prompt-in-trace", "ZDR-RET-03")
    assert item["shape"] == {"answer": False, "stream": True}
    assert item["words"] == "one streamed request with content in the user's message"


def test_a_long_prompt_in_a_temporary_file_keeps_its_length(tmp_path: Path) -> None:
    items = smallest(tmp_path, "ret-long-prompt-in-temporary-file", "ZDR-RET-15")
    assert {tuple(item["shape"].get("places", ("message",))) for item in items} == {("message",), ("system",)}
    for item in items:
        assert item["shape"].keys() <= {"answer", "padding", "places"}
        assert 12_000 < item["shape"]["padding"] <= 24_000, "the violation keeps bodies over 16 KiB"


def test_a_tool_result_in_a_trace_keeps_the_tool_result(tmp_path: Path) -> None:
    (item,) = smallest(tmp_path, "ret-tool-results-in-trace", "ZDR-RET-05")
    assert item["shape"] == {"answer": False, "places": ["tool_result"]}
