"""What is not fit to be published is not published."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reports import make_sample
from reports.make_sample import SampleError, flaws, machine_words, make
from zdr_audit.report import write

NAMES = (*write.NAMES, "journal.sqlite", "manifest.json")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"fine")
    return folder


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published sample of an earlier time."""
    home = tmp_path / "published"
    (home / "compliant").mkdir(parents=True)
    (home / "compliant" / "report.json").write_text("of last week")
    monkeypatch.setattr(make_sample, "SAMPLE", home)
    return home


def _commands(monkeypatch: pytest.MonkeyPatch, *, run: int = 0, verify: int = 0, content: bytes = b"fine") -> None:
    def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        if words[0] == "run":
            (cwd / "compliant").mkdir()
            for name in NAMES:
                (cwd / "compliant" / name).write_bytes(content)
        return subprocess.CompletedProcess(words, run if words[0] == "run" else verify, "said\n", "")

    monkeypatch.setattr(make_sample, "zdr_audit", command)


def test_a_whole_pack_without_words_of_the_machine_has_no_flaw(pack: Path, tmp_path: Path) -> None:
    assert list(flaws(pack, machine_words(tmp_path))) == []


@pytest.mark.parametrize("name", ["journal.sqlite", "report.json", "report.sarif"])
def test_a_folder_of_the_machine_is_found(pack: Path, tmp_path: Path, name: str) -> None:
    (pack / name).write_text(f"could not read {tmp_path}/data/app.log")
    assert any(line.startswith(f"{name} names a folder of this machine") for line in flaws(pack, machine_words(tmp_path)))


def test_a_missing_format_is_found(pack: Path) -> None:
    (pack / "report.pdf").unlink()
    assert list(flaws(pack, ())) == ["missing: report.pdf"]


def test_a_pack_that_is_too_large_is_found(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_sample, "MAX_BYTES", 10)
    assert list(flaws(pack, ())) == [f"the pack has {4 * len(NAMES)} bytes, more than 10"]


def test_a_good_pack_takes_the_place_of_the_old_one(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _commands(monkeypatch)
    (tmp_path / "scratch").mkdir()
    make("compliant", tmp_path / "scratch")
    assert sorted(path.name for path in (sample / "compliant").iterdir()) == sorted(NAMES)
    assert (sample / "compliant" / "report.json").read_bytes() == b"fine"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"run": 3}, "exit status 3, expected 0: said"),
        ({"verify": 1}, "does not verify: said"),
        ({"content": f"{Path.home()}/x".encode()}, "names a folder"),
    ],
)
def test_a_pack_with_a_flaw_leaves_the_old_one_in_place(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object], said: str
) -> None:
    _commands(monkeypatch, **wrong)  # type: ignore[arg-type]
    (tmp_path / "scratch").mkdir()
    with pytest.raises(SampleError, match=said):
        make("compliant", tmp_path / "scratch")
    assert (sample / "compliant" / "report.json").read_text() == "of last week"
