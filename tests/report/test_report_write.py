"""Report files are written whole or not at all, and depend on the report alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zdr_audit.report import csv_report, html, json_report, junit, markdown, oscal, pdf, sarif, write
from zdr_audit.report.model import Report
from zdr_audit.report.write import write_all

from . import hostile, samples

HERE = Path(__file__).resolve().parent
NAMES = [
    "report.json",
    "report.html",
    "report.pdf",
    "report.md",
    "report.csv",
    "junit.xml",
    "report.sarif",
    "oscal-catalog.json",
    "oscal-assessment-plan.json",
    "oscal-assessment-results.json",
]
HERE_WRITTEN = [name for name in NAMES if name not in write.missing_formats()]


def test_every_format_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert write_all(samples.failing(), folder) == [folder / name for name in HERE_WRITTEN]
    assert sorted(p.name for p in folder.iterdir()) == sorted(HERE_WRITTEN)


def test_the_files_hold_what_the_writers_render(tmp_path: Path) -> None:
    report = samples.failing()
    found = {path.name: path.read_bytes() for path in write_all(report, tmp_path)}
    texts = {
        "report.json": json_report.render(report),
        "report.html": html.render(report),
        "report.md": markdown.render(report),
        "report.csv": csv_report.render(report),
        "junit.xml": junit.render(report),
        "report.sarif": sarif.render(report),
        **oscal.render(report),
    }
    expected = {name: text.encode() for name, text in texts.items()}
    if not write.missing_formats():
        expected["report.pdf"] = pdf.render(report)
    assert found == expected


def test_a_format_whose_extra_is_missing_is_left_out_named_and_leaves_no_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.pdf").write_bytes(b"of another run")
    monkeypatch.setattr(write, "find_spec", lambda name: None)
    assert write.missing_formats() == {"report.pdf": "pdf"}
    names = [path.name for path in write_all(samples.partial(), tmp_path)]
    assert names == [name for name in NAMES if name != "report.pdf"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_files_of_an_earlier_report_do_not_outlive_it(tmp_path: Path) -> None:
    write_all(samples.compliant(), tmp_path)
    (tmp_path / "journal.jsonl").write_text("kept")
    write_all(samples.report("incomplete", ()), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {n for n in HERE_WRITTEN if "oscal" not in n} | {"journal.jsonl"}


def test_us_letter_is_written_by_name_alone_and_does_not_outlive_its_run(tmp_path: Path) -> None:
    assert write_all(samples.failing(), tmp_path, (write.LETTER,)) == [tmp_path / write.LETTER]
    assert (tmp_path / write.LETTER).read_bytes() == pdf.render(samples.failing(), "us-letter")
    write_all(samples.failing(), tmp_path, ("report.json",))
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_no_format_of_a_run_that_is_not_compliant_reads_like_a_pass(tmp_path: Path) -> None:
    for path in write_all(samples.incomplete(), tmp_path):
        if path.suffix != ".pdf" and path.name not in (oscal.CATALOG, oscal.PLAN):
            content = path.read_text(encoding="utf-8")
            assert "nconclusive" in content
            assert '"satisfied"' not in content
            assert "Compliant" not in content.replace("Not compliant", "")


def many() -> Report:
    """80 controls, each failed with 300 findings."""
    findings = tuple(samples.finding(request=f"i-{n:05d}", location=f"row {n}, column c{n % 90}") for n in range(300))
    return samples.report(
        "non_compliant", tuple(c.model_copy(update={"verdict": "fail", "findings": findings}) for c in samples.all_controls())
    )


def test_a_report_of_80_controls_and_24_000_findings_keeps_every_format_for_readers_within_bounds() -> None:
    sizes = {name: len(content) for name, content in write.render_all(many()).items()}
    bounds = {
        "report.html": 10_000_000,
        "report.pdf": 20_000_000,
        "report.md": 300_000,
        "report.csv": 100_000,
        "junit.xml": 2_000_000,
        "report.sarif": 12_000_000,
        "oscal-catalog.json": 1_000_000,
        "oscal-assessment-plan.json": 100_000,
        "oscal-assessment-results.json": 15_000_000,
    }
    assert {name: size for name, size in sizes.items() if size > bounds.get(name, size)} == {}
    assert set(bounds) >= set(sizes) - {"report.json"}


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
    assert all(path.read_bytes().decode("utf-8") for path in paths if path.suffix != ".pdf")


def test_equal_reports_give_equal_bytes_in_every_process(tmp_path: Path) -> None:
    program = "import sys, pathlib; from report import samples; from zdr_audit.report.write import write_all; "
    program += "write_all(samples.failing(), pathlib.Path(sys.argv[1]))"
    digests = set()
    for seed, zone, language in (("1", "UTC", "C"), ("2", "Asia/Tokyo", "C.UTF-8")):
        folder = tmp_path / seed
        paths = os.pathsep.join([str(HERE.parent), str(HERE.parent.parent)])
        env = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=env)
        digests.add(hashlib.sha256(b"".join((folder / name).read_bytes() for name in HERE_WRITTEN)).hexdigest())
    assert len(digests) == 1
