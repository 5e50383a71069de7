"""A run whose evidence is what a command prints: it sees, it finds, and where the command fails nothing passes on it."""

from __future__ import annotations

import sys

import pytest
from paper_backend import CONTROLS, Asked, Reply, profile

RETENTION = CONTROLS[0]
PRINTS = "import pathlib, sys; [sys.stdout.buffer.write(p.read_bytes()) for p in pathlib.Path(sys.argv[1]).iterdir()]"
GONE = PRINTS + "; print('the pod is gone', file=sys.stderr); sys.exit(7)"


@pytest.fixture
def through(judged, tmp_path, monkeypatch):
    """A run that reads the backend's log through a command."""

    def run(program: str, spoil=None):
        def by_command(folder, **limits):
            path = profile(folder, **limits)
            head = path.read_text().split("[[evidence]]")[0]
            words = [sys.executable, "-c", program, str(folder / "log")]
            path.write_text(f'{head}[[evidence]]\nid = "log"\nkind = "command"\nwhat = "log"\ncommand = {words!r}\n')
            return path

        monkeypatch.setitem(judged.__globals__, "profile", by_command)
        return judged(spoil, controls=(RETENTION,))

    return run


def test_a_backend_that_keeps_nothing_passes_with_sight_in_what_the_command_prints(through):
    found = through(PRINTS)
    assert (found.status, found.verdicts()[RETENTION]) == (0, "pass")
    assert {(s["source"], s["how"], s["object"]) for s in found.control(RETENTION)["sight"]} == {
        ("log", "control", f"standard output of {sys.executable.rpartition('/')[2]}")
    }


def test_what_the_backend_keeps_is_found_in_what_the_command_prints(through, tmp_path):
    def keeping(asked: Asked, _: Reply) -> None:
        if asked.subject:
            with (tmp_path / "log" / "app.log").open("ab") as file:
                file.write(asked.body)

    found = through(PRINTS, keeping)
    assert found.verdicts()[RETENTION] == "fail"
    assert {(f["source"], f["object"]) for f in found.control(RETENTION)["findings"]} == {
        ("log", f"standard output of {sys.executable.rpartition('/')[2]}")
    }


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (GONE, "could not be read: {} ended with status 7: the pod is gone"),
        ("", "is empty"),
        ("print('another place')", "is blind"),
    ],
)
def test_a_command_that_shows_nothing_decides_nothing(through, program, words):
    found = through(program)
    assert (found.status, found.verdicts()[RETENTION]) == (3, "inconclusive")
    assert f"the source log {words.format(sys.executable.rpartition('/')[2])}" in found.control(RETENTION)["reason"]
