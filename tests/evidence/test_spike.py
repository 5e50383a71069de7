"""A canary planted by other means than the target's: it is there, it is taken out, and what goes wrong is told without it."""

from __future__ import annotations

import sys

import pytest

from zdr_audit.evidence.spike import SpikeError, plant_file, remove_file, run_command

CANARY = "zqx482j913thetailofitzqx482j913"


def test_a_file_is_planted_and_taken_out(tmp_path):
    path = plant_file(tmp_path, "spike.txt", CANARY)
    assert path == tmp_path / "spike.txt"
    assert path.read_text() == f"zdr-audit spike {CANARY}\n"
    remove_file(path)
    assert not path.exists()
    remove_file(path)


def test_a_file_that_is_there_already_is_left_alone(tmp_path):
    (tmp_path / "spike.txt").write_text("theirs")
    with pytest.raises(SpikeError, match=r"^the file spike\.txt cannot be written: File exists$"):
        plant_file(tmp_path, "spike.txt", CANARY)
    assert (tmp_path / "spike.txt").read_text() == "theirs"


def test_what_cannot_be_removed_is_said(tmp_path):
    (tmp_path / "spike.txt").mkdir()
    with pytest.raises(SpikeError, match=r"^the file spike\.txt cannot be removed: Is a directory$"):
        remove_file(tmp_path / "spike.txt")


def test_a_command_gets_the_canary_in_each_of_its_words_and_no_shell(tmp_path):
    text = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(repr([*sys.argv[2:], sys.stdin.read()]))"
    run_command((sys.executable, "-c", text, str(tmp_path / "out"), "a {canary} {canary}", "$(b)", "{canary}"), CANARY, 60)
    assert (tmp_path / "out").read_text() == repr([f"a {CANARY} {CANARY}", "$(b)", CANARY, ""])


@pytest.mark.parametrize(
    ("words", "seconds", "problem"),
    [
        ((sys.executable, "-c", "import sys; print('{canary}'); sys.exit(3)"), 60, f"the command {sys.executable} ended with status 3"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), 60, f"the command {sys.executable} ended with status -9"),
        ((sys.executable, "-c", "import time; time.sleep(600)", "{canary}"), 0.5, f"the command {sys.executable} took longer than 0.5 s"),
        (("no-such-program", "{canary}"), 60, "the command no-such-program cannot be run: No such file or directory"),
    ],
)
def test_a_command_that_fails_is_told_without_the_canary(words, seconds, problem):
    with pytest.raises(SpikeError) as told:
        run_command(words, CANARY, seconds)
    assert str(told.value) == problem


def test_a_command_whose_own_name_holds_the_mark_is_told_as_it_was_given():
    with pytest.raises(SpikeError, match=r"^the command no-such-\{canary\} cannot be run"):
        run_command(("no-such-{canary}",), CANARY, 60)
