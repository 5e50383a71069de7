"""Report files are written whole or not at all, and depend on the report alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zdr_audit.report import html, json_report, junit
from zdr_audit.report.write import write_all

from . import hostile, samples

HERE = Path(__file__).resolve().parent
NAMES = ["report.json", "report.html", "junit.xml"]


def test_three_files_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert write_all(samples.failing(), folder) == [folder / name for name in NAMES]
    assert sorted(p.name for p in folder.iterdir()) == sorted(NAMES)


def test_the_files_hold_what_the_writers_render(tmp_path: Path) -> None:
    report = samples.failing()
    texts = [path.read_bytes().decode() for path in write_all(report, tmp_path)]
    assert texts == [json_report.render(report), html.render(report), junit.render(report)]


def test_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    write_all(samples.compliant(), tmp_path)
    write_all(samples.failing(), tmp_path)
    assert '"status": "non_compliant"' in (tmp_path / "report.json").read_text()


def test_a_failure_leaves_an_earlier_report_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_all(samples.compliant(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_all(samples.failing(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OSError, match="taken"):
        write_all(samples.compliant(), tmp_path / "taken")


def test_hostile_text_can_be_written_everywhere(tmp_path: Path) -> None:
    paths = write_all(hostile.poison(samples.failing(), hostile.EVERYTHING), tmp_path)
    assert all(path.read_bytes().decode("utf-8") for path in paths)


def test_equal_reports_give_equal_bytes_in_every_process(tmp_path: Path) -> None:
    program = "import sys, pathlib; from report import samples; from zdr_audit.report.write import write_all; "
    program += "write_all(samples.failing(), pathlib.Path(sys.argv[1]))"
    digests = set()
    for seed, zone, language in (("1", "UTC", "C"), ("2", "Asia/Tokyo", "C.UTF-8")):
        folder = tmp_path / seed
        paths = os.pathsep.join([str(HERE.parent), str(HERE.parent.parent)])
        env = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=env)
        digests.add(hashlib.sha256(b"".join((folder / name).read_bytes() for name in NAMES)).hexdigest())
    assert len(digests) == 1
