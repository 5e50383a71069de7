"""Reports again, from the journal alone: the same journal gives the same bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.manifest import JOURNAL
from zdr_audit.catalogue.model import Catalogue
from zdr_audit.journal.events import RunStarted
from zdr_audit.journal.store import Journal, JournalError
from zdr_audit.report import json_report
from zdr_audit.report.model import Report
from zdr_audit.report.write import KNOWN, LETTER, NAMES, write_all
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge


def journal_of(run: Path) -> Path:
    """The journal of a report folder, or the journal file itself. Raises AttestError."""
    path = run / JOURNAL if run.is_dir() else run
    if not path.is_file():
        raise AttestError(f"{run}: no run journal here (expected a report folder or its {JOURNAL})")
    return path


def check_catalogue(journal: Path, run: RunStarted, catalogue: Catalogue) -> None:
    """Raises AttestError where the run was made for another catalogue: its controls may say something else now."""
    if run.catalogue_digest != catalogue.digest:
        raise AttestError(
            f"{journal}: written by zdr-audit {run.version} for the control catalogue {run.catalogue_digest[:12]}, "
            f"installed is {catalogue.digest[:12]}: install that version to judge this run again"
        )


def rejudge(journal: Path, catalogue: Catalogue) -> Report:
    """The report that a journal gives. Raises AttestError for one that is damaged, holds no run or was written for another catalogue."""
    try:
        with Journal(journal, read_only=True) as record:
            problems = record.problems()
            if problems:
                raise AttestError(f"{journal}: the journal is damaged: {problems[0]}")
            history = History(record.events())
            check_catalogue(journal, history.run, catalogue)
            return judge(history, catalogue, record.head)
    except AttestError:
        raise
    except JournalError as exc:
        raise AttestError(_line(exc)) from None
    except Exception as exc:  # a forged journal can hold anything, and break the judge in any way
        raise AttestError(f"{journal}: not a journal that can be judged: {type(exc).__name__}: {_line(exc)}") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def format_of(name: str) -> str:
    """The format that a report file belongs to: `report.pdf` is `pdf`, `report-letter.pdf` is `letter`, `oscal-catalog.json` is `oscal`, `junit.xml` is
    `junit`."""
    stem, _, suffix = name.partition(".")
    first, _, rest = stem.partition("-")
    return (rest or suffix) if first == "report" else first


def rendered(report: Report, formats: Collection[str] = ()) -> dict[str, bytes]:
    """Name -> bytes of every report file of the formats (default: all that a run writes and this installation can)."""
    if set(formats) == {"json"}:
        return {"report.json": json_report.render(report).encode()}
    with tempfile.TemporaryDirectory(prefix="zdr-audit-") as scratch:
        paths = write_all(report, Path(scratch), KNOWN if format_of(LETTER) in formats else NAMES)
        return {path.name: path.read_bytes() for path in paths if not formats or format_of(path.name) in formats}


def place(files: dict[str, bytes], folder: Path) -> None:
    """Write the files into `folder`, each moved into place whole. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        for name, content in files.items():
            (Path(scratch) / name).write_bytes(content)
        for name in files:
            (Path(scratch) / name).replace(folder / name)
