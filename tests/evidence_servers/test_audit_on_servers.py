"""The whole audit against three nodes over real servers: green on the compliant simulator, and every violation that needs them found where it is.

By default violations are seeded together, one of each kind of server a run; ZDR_AUDIT_VIOLATIONS=all runs each by itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from zdr_audit.violations import load_violations

LONGEST_SECONDS = 900
KNOWN = {item.id: item for item in load_violations() if item.needs}
# Violation -> (source, object, location) of a finding that it must bring.
WHERE = {
    "ret-postgres-prompt-in-column": ("database", r"public\.debug_requests", r"row request_id=req_\w+, column payload, bytes \d+-\d+"),
    "ret-postgres-dead-rows": ("database", r"public\.request_outbox|pg_wal/\w+", r"(file|row of public\.request_outbox).*bytes \d+-\d+"),
    "ret-postgres-dead-toast": (
        "database",
        r"TOAST of public\.long_requests|pg_wal/\w+",
        r"(file|row of .*public\.long_requests).*bytes \d+-\d+",
    ),
    "ret-postgres-bound-values-in-log": ("database", r"log/postgresql\.log", r"bytes \d+-\d+"),
    "ret-redis-string": ("cache", r"database 0, key idempotency:req_\w+", r"value, bytes \d+-\d+"),
    "ret-redis-expiring-key": ("cache", r"database 0, key retry:req_\w+", r"value, bytes \d+-\d+"),
    "ret-redis-stream": ("cache", r"database 0, key moderation", r"entry \d+-\d+, field body, bytes \d+-\d+"),
    "ret-redis-slow-log": ("cache", r"slow log", r"entry \d+, part \d+, bytes \d+-\d+"),
    "ret-s3-version-behind-delete-marker": ("blobs", r"staging/req_\w+ \(version \w+\)", r"bytes \d+-\d+"),
    "ret-s3-unfinished-upload": ("blobs", r".*\.dat", r"bytes \d+-\d+"),
    "ret-s3-object-metadata": ("blobs", r"markers/req_\w+", r"header x-amz-meta-preview"),
    "ret-postgres-encrypted-outbox": ("database", "growth of the whole source", r"\d\.\d\d bits kept per prompt bit .*"),
    "ret-redis-encrypted-copy": ("cache", "growth of the whole source", r"\d\.\d\d bits kept per prompt bit .*"),
    "ret-s3-encrypted-upload": ("blobs", "growth of the whole source", r"\d\.\d\d bits kept per prompt bit .*"),
    "ret-second-node-debug-log": ("log", r"debug\.log", r"bytes \d+-\d+"),
    "enb-third-node-remembers": ("database", r"public\.conversations", r"row id=conv_\w+, column (request|response), bytes \d+-\d+"),
}
TOGETHER = (
    ("ret-postgres-dead-rows", "ret-redis-string", "ret-s3-version-behind-delete-marker", "ret-second-node-debug-log"),
    ("ret-postgres-dead-toast", "ret-redis-stream", "ret-s3-object-metadata"),
    ("ret-postgres-prompt-in-column", "ret-redis-expiring-key", "ret-s3-unfinished-upload"),
    ("ret-postgres-bound-values-in-log", "ret-redis-slow-log"),
    ("ret-postgres-encrypted-outbox", "ret-redis-encrypted-copy", "ret-s3-encrypted-upload"),
    ("enb-third-node-remembers",),
)
RUNS = [(name,) for name in WHERE] if os.environ.get("ZDR_AUDIT_VIOLATIONS") == "all" else TOGETHER


def audit(folder: Path, violations: Sequence[str] = (), controls: str = "") -> tuple[int, str, dict[str, Any]]:
    """(exit status, what was said, report) of the command line as a user calls it."""
    words = ["run", "--target", "simulator-servers", "--depth", "quick", "--report-dir", str(folder)]
    words += [word for violation in violations for word in ("--violation", violation)]
    words += ["--controls", controls] if controls else []
    command = [sys.executable, "-c", "from zdr_audit.cli import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False, stdin=subprocess.DEVNULL)
    report = folder / "report.json"
    return done.returncode, done.stdout + done.stderr, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}


def test_every_violation_that_needs_servers_or_nodes_is_run():
    assert set(WHERE) == set(KNOWN) == {name for together in TOGETHER for name in together}


def test_three_compliant_nodes_over_servers_are_green(tmp_path):
    status, said, report = audit(tmp_path)
    verdicts = {control["id"]: control["verdict"] for control in report.get("controls", ())}
    assert {name: verdict for name, verdict in verdicts.items() if verdict != "pass"} == {}, said[-3000:]
    assert status == 0, said[-3000:]
    stores = [source for source in report["sources"] if source["kind"] != "http"]
    assert [source["kind"] for source in stores] == ["s3", "redis", "postgres", "files", "files"]
    for source in stores:
        for reading in source["readings"]:
            assert reading["error"] is None
            assert reading["control_hits"] > 0, f"{source['id']} is blind"


@pytest.mark.parametrize("violations", RUNS, ids="+".join)
def test_violations_on_servers_are_found_where_they_are(violations, tmp_path):
    status, said, report = audit(tmp_path, violations, "ZDR-RET-*,ZDR-ENB-10")
    assert status == 1, said[-3000:]
    controls = {control["id"]: control for control in report["controls"]}
    for name in violations:
        for control in KNOWN[name].controls:
            assert controls[control]["verdict"] == "fail", f"{control} does not see {name}\n{said[-3000:]}"
        findings = [finding for control in controls.values() for finding in control["findings"]]
        source, thing, place = WHERE[name]
        fitting = [
            f
            for f in findings
            if f["source"] == source and re.fullmatch(thing, f["object"]) and re.fullmatch(place, f["location"]) and f["request"]
        ]
        seen = sorted({(f["source"], f["object"], f["location"]) for f in findings})[:20]
        assert fitting, f"no finding says where {name} keeps what: {seen}"
