"""Reads a report to compare: a report folder, or its report.json."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from zdr_audit.report.model import Report


class CompareError(Exception):
    """A report that cannot be compared; the message is one line for the user."""


def load_report(path: Path) -> Report:
    """The report at `path`. Raises CompareError."""
    file = path / "report.json" if path.is_dir() else path
    try:
        return Report.model_validate_json(file.read_bytes())
    except OSError as exc:
        raise CompareError(f"{file}: cannot be read: {exc.strerror}") from None
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:6])[:120]
        raise CompareError(f"{file}: not a report of this version: {f'{where}: ' if where else ''}{first['msg'][:200]}") from None
