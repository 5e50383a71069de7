"""The command line in this process, with what it prints; the end-to-end tests start processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from zdr_audit.cli import main


@dataclass(frozen=True)
class Said:
    """Exit status, standard output, standard error."""

    status: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def zdr_audit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """Runs `zdr-audit ARGUMENTS` in an empty folder, at 100 columns, without any credential in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main.main(args=list(arguments), prog_name="zdr-audit")
        printed = capfd.readouterr()
        return Said(caught.value.code if isinstance(caught.value.code, int) else 0, printed.out, printed.err)

    return run
