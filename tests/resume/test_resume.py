"""Killed at any moment, a run goes on where it was, and ends with the verdicts of a run that nothing broke off."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_events import started

from zdr_audit import __version__
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.journal.events import Created, Interaction, Removed, RunEnded, RunResumed, ScenarioEnded
from zdr_audit.journal.store import Journal
from zdr_audit.matrix.cases import quick_profile
from zdr_audit.profile.load import load
from zdr_audit.run.resume import GIVEN_UP, only_record
from zdr_audit.suite.history import History

from .killed import FEW, finish, length, resuming, run_words, simulator, start, stop_at, verdicts


@dataclass(frozen=True)
class Unbroken:
    """A run that nothing broke off."""

    profile: Path
    verdicts: dict[str, str]
    events: int


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unbroken]:
    home = tmp_path_factory.mktemp("unbroken")
    profile = quick_profile(home)
    with simulator(home) as environment:
        status, said = finish(start(environment, *run_words(environment, profile, home / "run")))
    assert status == 0, said
    yield Unbroken(profile, verdicts(home / "run"), length(home / "run"))


def killed_and_resumed(unbroken: Unbroken, home: Path, moments: list[int]) -> Path:
    """The report folder of a run that was killed when its journal had so many events, again and again, and resumed each time."""
    with simulator(home) as environment:
        words = run_words(environment, unbroken.profile, home / "run")
        for moment in moments:
            process = start(environment, *words)
            if not stop_at(process, home / "run", moment):
                break  # it was faster: the reports are written
            words = resuming(environment, unbroken.profile, home / "run")
        else:
            status, said = finish(start(environment, *words))
            assert status == 0, said
    return home / "run"


def shows_the_same(folder: Path, unbroken: Unbroken) -> History:
    assert verdicts(folder) == unbroken.verdicts
    with Journal(folder / "journal.sqlite", read_only=True) as journal:
        assert journal.problems() == []
        return History(journal.events())


def test_killed_and_resumed(tmp_path):
    """Killed among the stimuli, and once more while it goes on."""
    profile, folder = quick_profile(tmp_path), tmp_path / "run"
    with simulator(tmp_path) as environment:
        process = start(environment, *run_words(environment, profile, folder, FEW))
        assert stop_at(process, folder, 70)
        process = start(environment, *resuming(environment, profile, folder))
        assert stop_at(process, folder, 190)
        status, said = finish(start(environment, *resuming(environment, profile, folder)))
    assert status == 0, said
    assert verdicts(folder) == dict.fromkeys(FEW.split(","), "pass")
    with Journal(folder / "journal.sqlite", read_only=True) as journal:
        assert journal.problems() == []
        events = list(journal.events())
    resumed = [n for n, e in enumerate(events) if isinstance(e, RunResumed)]
    assert len(resumed) == 2
    for at in resumed:
        before = {e.name for e in events[:at] if isinstance(e, ScenarioEnded)}
        again = {e.scenario for e in events[at:] if isinstance(e, Interaction)}
        assert not before & again, "what had come to its end is not sent again"
    numbers = [e.id for e in events if isinstance(e, Interaction)]
    assert len(numbers) == len(set(numbers))
    assert not [c for c in History(events).leftovers() if c.kind == "organization"], "what a first attempt made is removed too"


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(20))
def test_killed_at_random_moments_and_resumed(unbroken, tmp_path, number):
    """Twenty moments; every fourth run is killed twice more while it goes on."""
    draw = random.Random(int(os.environ.get("ZDR_AUDIT_SEED", "0")) * 1000 + number)
    moments = sorted(draw.randrange(1, unbroken.events + 1) for _ in range(3 if number % 4 == 0 else 1))
    shows_the_same(killed_and_resumed(unbroken, tmp_path, moments), unbroken)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        pytest.param(signal.SIGINT, "stopped by the user (Ctrl-C)", marks=pytest.mark.exhaustive),
        (signal.SIGTERM, "stopped by a signal (SIGTERM)"),
    ],
)
def test_told_to_stop_a_run_writes_its_reports_and_can_go_on(tmp_path, how, words):
    with simulator(tmp_path) as environment:
        folder = tmp_path / "run"
        profile = quick_profile(tmp_path)
        process = start(environment, *run_words(environment, profile, folder, "ZDR-RET-01,ZDR-ENB-01"))
        assert stop_at(process, folder, 45, how)
        status, said = finish(process)
        assert (folder / "report.json").is_file(), f"exit status {status}: {said}"
        report = json.loads((folder / "report.json").read_text())
        assert (status, report["summary"]["status"]) == (3, "incomplete"), said
        assert f"the run was interrupted: {words}" in report["summary"]["reasons"]
        assert {p.name for p in folder.iterdir()} >= {"report.html", "junit.xml", "manifest.json"}
        status, said = finish(start(environment, *resuming(environment, profile, folder)))
        assert status == 0, said
        status, said = finish(start(environment, *resuming(environment, profile, folder)))
        over = f"zdr-audit: {folder}: this run came to its end; to write its reports again: zdr-audit report {folder}"
        assert (status, said.strip()) == (2, over)


@pytest.fixture
def broken_off(tmp_path: Path) -> Path:
    """The report folder of a run that has only begun."""
    with Journal(tmp_path / "run" / "journal.sqlite") as journal:
        command = "zdr-audit run --target simulator --base-url http://127.0.0.1:9 --depth quick --seed 1"
        same = load("simulator", {}, "http://127.0.0.1:9")
        digests = {"profile_digest": same.digest, "catalogue_digest": load_catalogue().digest, "version": __version__}
        journal.append(started(command=command, **digests))
    return tmp_path / "run"


HERE = ("--target", "simulator", "--base-url", "http://127.0.0.1:9")
CHANGES: dict[str, tuple[dict[str, object], str]] = {
    "version": ({"version": "0.0.1"}, f"the version of zdr-audit is not the one that it was begun with (0.0.1, now {__version__})"),
    "catalogue": ({"catalogue_digest": "c" * 64}, "the control catalogue is not the one that it was begun with (cccccccccccc, now "),
    "profile": ({"profile_digest": "p" * 64}, "simulator.toml is not the one that it was begun with (pppppppppppp, now "),
    "launched": ({"launched": True}, "it started its own simulator, whose stores ended with it"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_does_not_go_on_where_what_it_rests_on_changed(broken_off, zdr_audit, name):
    changes, words = CHANGES[name]
    with Journal(broken_off / "journal.sqlite", read_only=True) as journal:
        (begun,) = journal.events()
    (broken_off / "journal.sqlite").unlink()
    with Journal(broken_off / "journal.sqlite") as journal:
        journal.append(begun.model_copy(update=changes))
    said = zdr_audit("run", "--resume", str(broken_off), *HERE)
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("zdr-audit: this run cannot go on: ")
    assert words in said.err
    with Journal(broken_off / "journal.sqlite", read_only=True) as journal:
        assert len(list(journal.events())) == 1, "and nothing is written"


def test_a_damaged_journal_is_not_gone_on_with(broken_off, zdr_audit):
    with sqlite3.connect(broken_off / "journal.sqlite") as database:
        database.execute("DROP TRIGGER no_update")
        database.execute("UPDATE events SET body = replace(body, 'quick', 'rapid')")
    said = zdr_audit("run", "--resume", str(broken_off), *HERE)
    place = broken_off / "journal.sqlite"
    assert (said.status, said.err) == (2, f"zdr-audit: {place}: the journal is damaged: event 1 (run_started) does not fit the chain\n")


@pytest.mark.parametrize("words", [(), HERE[:2], HERE[2:]], ids=["nothing", "no address", "no profile"])
def test_the_target_is_not_taken_from_the_folder_of_the_run(broken_off, zdr_audit, words):
    said = zdr_audit("run", "--resume", str(broken_off), *words)
    message = (
        f"zdr-audit: --resume takes the target from you, not from {broken_off}; the run was begun with: "
        "--target simulator --base-url http://127.0.0.1:9\n"
    )
    assert (said.status, said.err) == (2, message)


@pytest.mark.parametrize("words", [["--depth", "standard"], ["--controls", "ZDR-RET-*"]])
def test_other_options_are_refused(broken_off, zdr_audit, words):
    said = zdr_audit("run", "--resume", str(broken_off), *words)
    message = f"zdr-audit: --resume goes on with the options that the run was begun with: leave out {words[0]}\n"
    assert (said.status, said.err) == (2, message)


def test_a_folder_without_a_run_is_refused(zdr_audit, tmp_path):
    (tmp_path / "empty").mkdir()
    said = zdr_audit("run", "--resume", "empty")
    assert (said.status, said.err) == (2, "zdr-audit: empty/journal.sqlite: no run journal here (expected a report folder)\n")


SESSION = Created(
    kind="session",
    id="s-1",
    operation="sessions.create",
    interaction="i-00001",
    organization="o-1",
    actor="subject.member",
    cleanup=None,
    values={},
)
REMOVED = Removed(kind="session", id="s-1", ok=True, detail="removed", at="2026-01-01T00:00:00+00:00")


def ended(interrupted: str | None = None) -> RunEnded:
    return RunEnded(ended_at="2026-01-01T00:00:00+00:00", interrupted=interrupted)


@pytest.mark.parametrize("more", [[SESSION], [SESSION, ended("stopped by the user (Ctrl-C)")]], ids=["killed", "stopped"])
def test_the_only_record_of_what_a_run_left_is_not_replaced_by_another_run(broken_off, zdr_audit, monkeypatch, tmp_path, more):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("ZDR_SIM_DATA", str(tmp_path / "data"))
    with Journal(broken_off / "journal.sqlite") as journal:
        for event in more:
            journal.append(event)
    said = zdr_audit("run", *HERE, "--report-dir", str(broken_off))
    message = (
        f"zdr-audit: {broken_off}: a run broke off here, and only its record says what it left in the target (1 object): go on with it "
        f"(--resume {broken_off}), have that removed (and --give-up), or name another --report-dir\n"
    )
    assert (said.status, said.err) == (2, message)
    with Journal(broken_off / "journal.sqlite", read_only=True) as journal:
        assert len(list(journal.events())) == 1 + len(more)


@pytest.mark.parametrize(
    "more",
    [[], [SESSION, ended()], [SESSION, ended(GIVEN_UP)], [SESSION, REMOVED]],
    ids=["nothing sent", "finished", "given up", "all removed"],
)
def test_a_record_that_nobody_needs_to_clean_up_by_may_be_replaced(broken_off, more):
    with Journal(broken_off / "journal.sqlite") as journal:
        for event in more:
            journal.append(event)
    only_record(broken_off / "journal.sqlite")


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_what_is_no_record_of_a_run_keeps_nobody_from_beginning_one(tmp_path, content):
    if content is not None:
        (tmp_path / "journal.sqlite").write_bytes(content)
    only_record(tmp_path / "journal.sqlite")
