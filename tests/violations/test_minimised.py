"""What leaks is minimised to a request that a person would write down: real audits of the simulator with a violation, of one control each."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from zdr_audit.resources import fixtures


def smallest(folder: Path, violation: str, control: str) -> list[dict[str, Any]]:
    """The minimised requests of an audit, of which every finding of the control names one."""
    profile, report = folder / "quick.toml", folder / "report"
    text = (fixtures() / "targets" / "simulator.toml").read_text(encoding="utf-8")
    profile.write_text(re.sub(r"(?m)^settle_seconds = .*$", "settle_seconds = 0.2", text), encoding="utf-8")
    words = ["run", "--target", str(profile), "--depth", "quick", "--violation", violation, "--controls", control]
    command = [
        sys.executable,
        "-c",
        "from zdr_audit.cli import main; main()",
        *words,
        "--report-dir",
        str(report),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 1, done.stdout + done.stderr
    said = json.loads((report / "report.json").read_text(encoding="utf-8"))
    found = said["minimised"]
    findings = next(c["findings"] for c in said["controls"] if c["id"] == control)
    assert {finding["minimised"] for finding in findings} <= {item["id"] for item in found}
    assert {item["outcome"] for item in found} == {"reduced"}
    assert all(item["smallest"] and item["request"] and item["script"] for item in found)
    assert said["run"]["requests_to_minimise"] <= 40
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


def test_a_tool_result_in_a_trace_keeps_each_place_of_it(tmp_path: Path) -> None:
    items = smallest(tmp_path, "ret-tool-results-in-trace", "ZDR-RET-05")
    places = ("tool_result", "result_text", "result_image", "result_document", "result_search")
    assert {tuple(item["shape"].pop("places")) for item in items} == {(place,) for place in places}
    assert all(item["shape"] == {"answer": False} for item in items)


def test_a_malformed_request_in_a_debug_log_keeps_one_place_of_each_mistake(tmp_path: Path) -> None:
    items = smallest(tmp_path, "con-malformed-counts-are-logged", "ZDR-CON-12")
    assert sorted((item["shape"]["malformed"]["mistake"], *item["shape"]["malformed"]["content"]) for item in items) == [
        ("broken", "a member"),
        ("list", "a name"),
        ("types", "(a name that no document has)"),
    ]
    assert all("headers" not in item["shape"]["malformed"] for item in items)
    assert all("refused it (status 400), and kept the content all the same" in item["words"] for item in items)
