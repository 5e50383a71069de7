"""Whole processes: dead and misbehaving targets, and plain pytest beside the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engine_servers import Server, answer, closed_port, serving
from plan_against_journal import differences

from zdr_audit.run.cli_run import plan_suites

ROOT = Path(__file__).resolve().parents[2]
AUDIT = [sys.executable, "-c", "from zdr_audit.cli import main; main()", "run"]
PYTEST = [sys.executable, "-m", "pytest", "suites", "-q", "-p", "no:cacheprovider"]
SELECTION = ["--target", "simulator", "--controls", "ZDR-ADM-0*,ZDR-RET-18", "--depth", "quick", "--seed", "3"]
DENIED = b'{"type": "error", "error": {"type": "authentication_error", "message": "no"}}'
PROBE = "the sanity probe first failed: inference for the subject organization gave"
REASONS = {
    "a closed port": f"{PROBE} no_answer (status None) connection refused",
    "401 to all": f"{PROBE} denied (status 401)",
    "200 {} to all": f"{PROBE} malformed (status 200) the answer is not a message",
}


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str
    report: dict[str, Any]
    folder: Path

    def controls(self) -> dict[str, tuple[str, int, int]]:
        return {c["id"]: (c["verdict"], c["sent"], c["accepted"]) for c in self.report["controls"]}


@dataclass(frozen=True)
class All:
    ended: dict[str, Ended]
    servers: dict[str, Server]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[All]:
    """All runs of this module, started together: most of their time they wait."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "ZDR_"))} | {"PYTHONDONTWRITEBYTECODE": "1"}
    with ExitStack() as stack:
        servers = {
            "401 to all": stack.enter_context(serving(answer(DENIED, "401 Unauthorized", "Content-Type: application/json"))),
            "200 {} to all": stack.enter_context(serving(answer(b"{}", "200 OK", "Content-Type: application/json"))),
        }
        urls = {"a closed port": closed_port()} | {name: server.base_url for name, server in servers.items()}
        plans = {name: (AUDIT, ["--target", "simulator", "--base-url", url]) for name, url in urls.items()}
        plans |= {"the command": (AUDIT, SELECTION), "plain pytest": (PYTEST, SELECTION)}
        started = {}
        for name, (command, options) in plans.items():
            work = tmp_path_factory.mktemp("work")
            arguments = [*command, *options, "--report-dir", str(work / "report")]
            place = ROOT if command is PYTEST else work
            # A target that is not started here has its stores elsewhere.
            stores = {} if options is SELECTION else {"ZDR_SIM_DATA": str(tmp_path_factory.mktemp("stores"))}
            process = subprocess.Popen(
                arguments, cwd=place, env=environment | stores, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            started[name] = (process, work)
        ended = {}
        for name, (process, work) in started.items():
            out, err = process.communicate(timeout=300)
            path = work / "report" / "report.json"
            report = json.loads(path.read_text()) if path.exists() else {}
            ended[name] = Ended(process.returncode, out, err, report, work)
        yield All(ended, servers)


@pytest.mark.parametrize("name", REASONS)
def test_a_target_that_cannot_be_audited_is_never_compliant_and_the_report_says_why(runs, name):
    found = runs.ended[name]
    assert found.status == 3, found.err
    assert found.report["summary"]["status"] == "incomplete"
    assert found.report["summary"]["reasons"][0] == REASONS[name]
    assert {c["verdict"] for c in found.report["controls"]} == {"inconclusive"}
    assert all(c["reason"].startswith(REASONS[name]) for c in found.report["controls"])
    assert "INCOMPLETE" in found.out
    assert "exit status 3" in " ".join(found.out.split())
    assert "Traceback" not in found.out + found.err


@pytest.mark.parametrize("name", ["401 to all", "200 {} to all"])
def test_a_dead_target_gets_two_requests_and_no_more(runs, name):
    lines = [request.split(b"\r\n", 1)[0] for request in runs.servers[name].requests]
    assert lines == [b"GET /v1/models HTTP/1.1", b"POST /v1/messages?beta=true HTTP/1.1"]


@pytest.mark.parametrize("name", [*REASONS, "the command"])
def test_a_run_writes_into_its_report_folder_and_nowhere_else(runs, name):
    found = runs.ended[name]
    assert [p.name for p in found.folder.iterdir()] == ["report"]
    assert {"journal.sqlite", "report.json", "report.html", "junit.xml"} <= {p.name for p in (found.folder / "report").iterdir()}
    assert not [p for p in (found.folder / "report").rglob("*") if b"sample-key-" in p.read_bytes()]


def test_the_command_audits_the_simulator_and_exits_0(runs):
    found = runs.ended["the command"]
    assert found.status == 0, found.out + found.err
    passed = [c["id"] for c in found.report["controls"] if c["verdict"] == "pass"]
    assert sorted(passed) == [*(f"ZDR-ADM-{n:02d}" for n in range(1, 10)), "ZDR-RET-18"]
    assert "COMPLIANT (PARTIAL: selected controls only)" in found.out


def test_the_plan_is_what_the_command_then_sent(runs, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = plan_suites(SELECTION)
    assert not isinstance(found, str), found
    assert differences(found, runs.ended["the command"].folder / "report" / "journal.sqlite") == []
    assert not found.broken
    assert [(made.kind, made.count) for made in found.made if made.kind == "organization"] == [("organization", 8), ("organization", 1)]


def test_plain_pytest_gives_the_same_verdicts_and_exit_status(runs):
    command, plain = runs.ended["the command"], runs.ended["plain pytest"]
    assert plain.status == command.status == 0, plain.out + plain.err
    assert plain.controls() == command.controls()
    assert {c["id"]: [t["nodeid"] for t in c["tests"]] for c in plain.report["controls"]} == {
        c["id"]: [t["nodeid"] for t in c["tests"]] for c in command.report["controls"]
    }
    same = ("status", "partial", "headline", "counts", "reasons")
    assert {k: plain.report["summary"][k] for k in same} == {k: command.report["summary"][k] for k in same}
    assert plain.report["run"]["command"] == command.report["run"]["command"]


def test_plain_pytest_prints_the_closing_words_too(runs):
    plain = runs.ended["plain pytest"]
    assert "COMPLIANT (PARTIAL: selected controls only)" in plain.out
    tests = {test["nodeid"] for control in plain.report["controls"] for test in control["tests"] if control["verdict"] == "pass"}
    assert len(tests) >= 10
    assert f"{len(tests)} passed" in plain.out


def test_the_launched_simulator_is_gone_afterwards(runs):
    """What a run started, it stopped: its address refuses connections."""
    import socket

    for name in ("the command", "plain pytest"):
        host, port = runs.ended[name].report["run"]["target"]["base_url"].removeprefix("http://").split(":")
        with pytest.raises(OSError), socket.create_connection((host, int(port)), timeout=2):
            pass
