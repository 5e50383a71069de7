"""Two runs never write into one report folder at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zdr_audit.journal.store import JournalError
from zdr_audit.run.claim import claimed

HOLD = """
import sys; from pathlib import Path; from zdr_audit.run.claim import claimed
with claimed(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()
"""


def test_a_folder_is_claimed_by_one_run_and_free_again_afterwards(tmp_path):
    folder = tmp_path / "run"
    with claimed(folder):
        assert list(folder.iterdir()) == []
        with pytest.raises(JournalError, match=f"{folder}: another run is writing there; wait for its end, or name another --report-dir"):
            claimed(folder).__enter__()
    with claimed(folder):
        pass


def test_the_claim_of_a_killed_process_ends_with_it(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(JournalError):
            claimed(tmp_path).__enter__()
        other.kill()
        other.wait()
    with claimed(tmp_path):
        pass


def test_a_run_is_not_begun_beside_another_and_leaves_its_journal_alone(tmp_path: Path, judged) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(b"of the other run")
    with claimed(folder), pytest.raises(JournalError, match="another run is writing there"):
        judged()
    assert (folder / "journal.sqlite").read_bytes() == b"of the other run"
