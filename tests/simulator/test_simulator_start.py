"""Starting and ending the simulator from the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .backend import Backend, canary, prompt

Start = Callable[..., Backend]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "zdr_audit.simulator", *options], capture_output=True, text=True, timeout=60, check=False)


def test_it_says_where_it_listens_in_one_line(start: Start, tmp_path: Path) -> None:
    backend = start()
    assert set(backend.listening) == {"event", "base_url", "data_dir"}
    assert backend.listening["event"] == "listening"
    assert backend.listening["data_dir"] == str(tmp_path / "data")
    assert backend.stop() == 0
    assert (backend.out, backend.err) == ("", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_in_the_middle_of_a_stream(start: Start, number: signal.Signals) -> None:
    backend = start()
    body = prompt("slowly", stream=True, max_tokens=2000)
    with backend.post("/v1/messages", "control-member", json=body, stream=True) as answer:
        next(answer.iter_lines())
        backend.process.send_signal(number)
        out, err = backend.process.communicate(timeout=20)
    assert (backend.process.returncode, out, err) == (0, "", "")


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"zdr-audit simulate: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_an_unknown_violation_is_said_in_one_line_with_what_may_be_meant(tmp_path: Path) -> None:
    ended = run("--violation", "ret-plain-prompt-in-debug", "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "zdr-audit simulate: unknown violation 'ret-plain-prompt-in-debug'; did you mean 'ret-plain-prompt-in-debug-log'"
    )
    assert "'zdr-audit violations' lists all" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("--data-dir", str(tmp_path / "file"))
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"zdr-audit simulate: cannot use data directory {tmp_path / 'file'}: ")
    assert ended.stderr.count("\n") == 1


def test_a_database_that_cannot_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    for url in ("nonsense", "postgresql+nodriver://u:secret@localhost/x", f"sqlite:///{tmp_path}/none/zdr.db"):
        ended = run("--data-dir", str(tmp_path / "data"), "--database-url", url)
        assert ended.returncode == 2
        unusable = "zdr-audit simulate: cannot use the database: "
        driverless = "zdr-audit simulate: --database-url needs pip install "  # without the extra for PostgreSQL
        assert ended.stderr.startswith((unusable, driverless) if url.startswith("postgresql") else unusable)
        assert ended.stderr.count("\n") == 1
        assert "secret" not in ended.stderr


def test_another_database_may_be_given(start: Start, tmp_path: Path) -> None:
    backend = start("--database-url", f"sqlite:///{tmp_path}/other.db")
    backend.ask("subject-member", prompt("Hello")).raise_for_status()
    assert not (backend.data_dir / "zdr.db").exists()
    with sqlite3.connect(tmp_path / "other.db") as database:
        assert database.execute("SELECT count(*) FROM organizations").fetchone() == (5,)


def test_without_being_asked_for_the_operators_hooks_do_not_exist(start: Start) -> None:
    backend = start(operator=False)
    for path in ("/operator/clock", "/operator/purge", "/operator/flags", "/operator/holds", "/operator/faults"):
        assert backend.post(path, "operator", json={}).status_code == 404
    assert not [path for path in backend.get("/openapi.json").json()["paths"] if path.startswith("/operator")]


def test_keys_from_the_environment_replace_the_samples(start: Start) -> None:
    backend = start(env={"ZDR_SIM_KEY_SUBJECT_MEMBER": "zdrsim-mine", "ZDR_SIM_KEY_ACCOUNT_TEAM": "zdrsim-staff"})
    assert backend.get("/api/oauth/profile", "zdrsim-mine").json()["account"]["email"] == "member@subject.example"
    assert backend.get("/api/oauth/profile", "zdrsim-staff").json()["account"]["email"] == "account-team@provider.example"
    assert backend.get("/v1/models", "subject-member").status_code == 401
    assert backend.get("/v1/models", "subject-second").status_code == 200


def test_the_document_is_printed_and_is_the_one_that_is_served(start: Start) -> None:
    printed = run("--openapi", "--operator")
    assert printed.returncode == 0
    assert json.loads(printed.stdout) == start().get("/openapi.json").json()


def test_only_the_stores_are_written(start: Start, tmp_path: Path) -> None:
    """Neither the working directory nor the folder for temporary files gets anything, however large a body is."""
    elsewhere, temporary = tmp_path / "cwd", tmp_path / "tmp"
    elsewhere.mkdir()
    temporary.mkdir()
    before = Path.cwd()
    os.chdir(elsewhere)
    try:
        backend = start(env={"TMPDIR": str(temporary), "PYTHONPATH": str(before)})
    finally:
        os.chdir(before)
    marker = canary()
    backend.post("/v1/files", "control-member", files={"file": ("a", marker.encode() * 100_000)}).raise_for_status()
    backend.ask("control-member", prompt(marker * 100_000)).raise_for_status()
    backend.post("/operator/clock", "operator", json={"advance_seconds": 40 * 86_400}).raise_for_status()
    backend.post("/operator/purge", "operator").raise_for_status()
    assert list(elsewhere.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert {path.name for path in backend.data_dir.iterdir()} <= {
        *("zdr.db", "zdr.db-wal", "zdr.db-shm", "cache.db", "cache.db-wal", "cache.db-shm", "logs", "traces", "blobs")
    }


def test_the_example_violation_keeps_prompts_of_every_organization(start: Start) -> None:
    backend = start("--violation", "ret-plain-prompt-in-debug-log")
    marker = canary()
    backend.ask("subject-member", prompt(marker)).raise_for_status()
    assert marker in (backend.data_dir / "logs" / "debug.log").read_text()
    assert backend.where(marker) == {"logs"}


def test_a_failure_inside_is_answered_in_the_envelope_and_logged_by_its_type_alone(start: Start) -> None:
    backend = start()
    marker = canary()
    (backend.data_dir / "blobs" / "org_control").write_text("in the way of a folder")
    answer = backend.post("/v1/memory_stores", "control-member", json={"name": marker})
    assert answer.status_code == 500
    assert answer.json()["error"] == {"type": "api_error", "message": "Internal server error."}
    assert marker not in answer.text
    logs = b"".join(path.read_bytes() for path in (backend.data_dir / "logs").iterdir()).decode()
    assert '"error_type":"FileExistsError"' in logs
    assert backend.stop() == 0
    assert backend.err == ""
