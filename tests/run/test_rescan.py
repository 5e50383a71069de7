"""A finished run's canaries are looked for again: a prompt written after the run is found, and nothing is sent for that."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zdr_audit.canary.mint import Mint
from zdr_audit.journal.events import RunStarted
from zdr_audit.journal.store import Journal
from zdr_audit.suite.history import History

CONTROLS = "ZDR-RET-01,ZDR-RET-03"


def zdr_audit(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from zdr_audit.cli import main; main()", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | environment, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """(report folder, data folder) of a run against a simulator that was stopped afterwards."""
    home = tmp_path_factory.mktemp("rescan")
    data = home / "data"
    command = [sys.executable, "-m", "zdr_audit.simulator", "--port", "0", "--operator", "--data-dir", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            url = json.loads(simulator.stdout.readline())["base_url"]
            words = ("run", "--target", "simulator", "--base-url", url, "--depth", "quick", "--controls", CONTROLS)
            done = zdr_audit(*words, "--report-dir", str(home / "run"), ZDR_SIM_DATA=str(data))
            assert done.returncode == 0, done.stdout + done.stderr
        finally:
            simulator.terminate()
    yield home / "run", data


def verdicts(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "report.json").read_text())
    return {c["id"]: c for c in report["controls"] if c["verdict"] != "not_tested"}


def test_a_rescan_of_unchanged_evidence_gives_the_same_verdicts(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = finished
    done = zdr_audit("rescan", str(run), "--target", "simulator", "--report-dir", str(tmp_path / "again"), ZDR_SIM_DATA=str(data))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {k: v["verdict"] for k, v in verdicts(tmp_path / "again").items()} == {k: v["verdict"] for k, v in verdicts(run).items()}


def test_a_prompt_written_after_the_run_is_found(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = finished
    later = tmp_path / "later"
    shutil.copytree(data, later)
    planted = with_known_canary(run, tmp_path / "run")
    (later / "logs" / "flushed-an-hour-later.log").write_text(f'{{"level":"debug","prompt":"Please note {planted}."}}\n')
    digest = hashlib.sha256(f"Please note {planted}.".encode()).hexdigest()
    (later / "logs" / "cache-keys.log").write_text(f"evicted {digest}\n")
    done = zdr_audit(
        "rescan", str(tmp_path / "run"), "--target", "simulator", "--report-dir", str(tmp_path / "again"), ZDR_SIM_DATA=str(later)
    )
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [c for c in verdicts(tmp_path / "again").values() if c["verdict"] == "fail"]
    found = [(f["object"], f["forms"]) for c in failed for f in c["findings"]]
    assert found == [("cache-keys.log", ["hex", "sha256", "request-text"]), ("flushed-an-hour-later.log", ["plain"])]


def with_known_canary(run: Path, copy: Path) -> str:
    """The journal keeps no prompt to copy from. So: a copy of the run in which one subject canary's digests are those of a text of ours; the text."""
    from zdr_audit.canary.digests import DigestBook
    from zdr_audit.canary.registry import Registry
    from zdr_audit.journal.events import CanaryMinted, DigestsTaken

    with Journal(run / "journal.sqlite", read_only=True) as old, Journal(copy / "journal.sqlite") as new:
        events = list(old.events())
        history = History(events)
        started = history.run
        sent = (i for i in history.interactions.values() if i.scenario == "retention.plain_requests" and i.organization == "subject")
        registry = Registry(started.literal, bytes.fromhex(started.key))
        text = Mint(started.literal).new()
        chosen = next(sent).canaries[0]
        for event in events:
            ours = isinstance(event, CanaryMinted) and event.id == chosen
            new.append(event.model_copy(update={"digest": registry.digest(text), "cuts": registry.cuts(text)}) if ours else event)
        entry = DigestBook(bytes.fromhex(started.key)).entry(chosen, "request-text", f"Please note {text}.".encode())
        marks = base64.b64encode(entry.marks).decode()
        new.append(DigestsTaken(interaction=history.canaries[chosen].interaction or "", entries=((chosen, entry.what, marks),)))
    return text


def test_evidence_handed_over_later_takes_the_place_of_the_profiles_paths(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = finished
    handed = tmp_path / "handed"
    shutil.copytree(data / "logs", handed / "log")
    nowhere = str(tmp_path / "nowhere")
    words = ("--target", "simulator", "--evidence", str(handed), "--report-dir", str(tmp_path / "again"))
    done = zdr_audit("rescan", str(run), *words, ZDR_SIM_DATA=nowhere)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_without_a_source_of_the_profile_is_refused_in_one_line(finished: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "something-else.txt").write_text("x")
    done = zdr_audit(
        "rescan", str(finished[0]), "--target", "simulator", "--evidence", str(tmp_path / "handed"), "--report-dir", str(tmp_path / "x")
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(
        "no entry is named like a source of the profile (database, cache, log, traces, blobs, sessions-api)"
    )


def test_one_source_can_be_handed_over_by_name(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = finished
    planted = with_known_canary(run, tmp_path / "run")
    shutil.copytree(data / "logs", tmp_path / "archive")
    (tmp_path / "archive" / "late.log").write_text(planted)
    words = ("--target", "simulator", "--evidence", f"log={tmp_path / 'archive'}", "--report-dir", str(tmp_path / "again"))
    done = zdr_audit("rescan", str(tmp_path / "run"), *words, ZDR_SIM_DATA=str(tmp_path / "nowhere"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert {f["object"] for c in verdicts(tmp_path / "again").values() for f in c["findings"]} == {"late.log"}


def test_what_is_handed_over_must_be_there_and_hold_something(finished: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for given, words in (
        (f"log={tmp_path / 'gone'}", f"{tmp_path / 'gone'} is not there"),
        (f"log={tmp_path / 'empty'}", f"the folder {tmp_path / 'empty'} is empty"),
        (f"blog={tmp_path / 'empty'}", "the profile has no source 'blog' to be read again (database, cache, log, traces, blobs)"),
    ):
        done = zdr_audit("rescan", str(finished[0]), "--target", "simulator", "--evidence", given, "--report-dir", str(tmp_path / "x"))
        assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"zdr-audit: --evidence {given}: {words}")


def test_a_variable_is_needed_only_for_what_is_still_read_where_the_profile_says(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = finished
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'schema = 1\nextends = "simulator"\n[[evidence]]\nid = "log"\nkind = "redis"\nwhat = "log"\nurl_env = "NOT_SET_ANYWHERE"\n'
    )
    done = zdr_audit("rescan", str(run), "--target", str(mine), "--report-dir", str(tmp_path / "again"))
    said = f"zdr-audit: {mine}: evidence.0.url_env: the environment variable NOT_SET_ANYWHERE is not set"
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", [said])
    assert not (tmp_path / "again").exists()
    handed_over = ("--evidence", f"log={data / 'logs'}", "--report-dir", str(tmp_path / "again"))
    done = zdr_audit("rescan", str(run), "--target", str(mine), *handed_over, ZDR_SIM_DATA=str(data))
    assert done.returncode in (0, 3), done.stderr
    assert {control["verdict"] for control in verdicts(tmp_path / "again").values()} <= {"pass", "inconclusive"}


def test_a_run_of_another_catalogue_or_target_is_refused_and_nothing_is_left(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """By `rescan`, and where a journal is checked again; of the same catalogue both are accepted."""
    run, data = finished
    for name, change, words in (
        (
            "older",
            {"catalogue_digest": "c" * 64, "version": "0.0.9"},
            "written by zdr-audit 0.0.9 for the control catalogue cccccccccccc, installed is ",
        ),
        ("other", {"target": "another"}, "a run against 'another', not against 'simulator'"),
    ):
        with Journal(run / "journal.sqlite", read_only=True) as old, Journal(tmp_path / name / "journal.sqlite") as new:
            for event in old.events():
                new.append(event.model_copy(update=change) if isinstance(event, RunStarted) else event)
        again = tmp_path / f"{name}-again"
        done = zdr_audit("rescan", str(tmp_path / name), "--target", "simulator", "--report-dir", str(again), ZDR_SIM_DATA=str(data))
        assert (done.returncode, done.stdout, again.exists()) == (2, "", False)
        assert done.stderr.startswith(f"zdr-audit: {tmp_path / name / 'journal.sqlite'}: {words}"), done.stderr
    assert recheck(run / "journal.sqlite", tmp_path / "same") == (0, "")
    status, said = recheck(tmp_path / "older" / "journal.sqlite", tmp_path / "refused")
    assert (status, (tmp_path / "refused" / "report.json").exists()) == (2, False)
    assert "for the control catalogue cccccccccccc, installed is " in said


def recheck(journal: Path, folder: Path) -> tuple[int, str]:
    """Exit status of checking a copy of a finished journal again, and the error that it gives."""
    folder.mkdir()
    shutil.copy(journal, folder / "journal.sqlite")
    words = ["--target", "simulator", "--report-dir", str(folder), "--journal", str(folder / "journal.sqlite")]
    code = f"import sys; from pathlib import Path; from zdr_audit.run.cli_run import run_suites; sys.exit(run_suites({words!r}, Path({str(folder)!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, "" if "Checking controls (" in done.stderr and done.returncode == 0 else done.stderr


def test_a_credential_in_the_name_of_an_object_is_not_written(finished: tuple[Path, Path], tmp_path: Path) -> None:
    run, data = finished
    secret = "sk-ant-staging-0123456789abcdef"
    mine = tmp_path / "mine.toml"
    mine.write_text('schema = 1\nextends = "simulator"\n[actors.subject.member]\nenv = "STAGING_KEY"\n')
    logs = tmp_path / "logs"
    logs.mkdir()
    os.mkfifo(logs / f"client-{secret}.log")
    (logs / "other.log").write_text("nothing")
    words = ("--target", str(mine), "--evidence", f"log={logs}", "--report-dir", str(tmp_path / "again"))
    done = zdr_audit("rescan", str(run), *words, ZDR_SIM_DATA=str(data), STAGING_KEY=secret)
    assert (tmp_path / "again" / "report.json").is_file(), done.stderr
    for path in (tmp_path / "again").iterdir():
        assert secret.encode() not in path.read_bytes(), path.name
    assert b"client-[credential].log" in (tmp_path / "again" / "journal.sqlite").read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM events WHERE sequence > 0", "the journal holds no run"),
        ("UPDATE events SET body = replace(body, 'quick', 'rapid') WHERE sequence = 1", "event 1 (run_started) does not fit the chain"),
    ],
)
def test_what_is_no_whole_run_is_refused_in_one_line(finished: tuple[Path, Path], tmp_path: Path, change: str, said: str) -> None:
    shutil.copy(finished[0] / "journal.sqlite", tmp_path / "journal.sqlite")
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite")) as database:
        database.execute("DROP TRIGGER no_update")
        database.execute("DROP TRIGGER no_delete")
        database.execute(change)
        database.commit()
    done = zdr_audit("rescan", str(tmp_path / "journal.sqlite"), "--target", "simulator", "--report-dir", str(tmp_path / "again"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
    assert not (tmp_path / "again").exists()
