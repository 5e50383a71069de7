"""The command line in this process, as the tests of the command line have it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

from tests.cli.conftest import zdr_audit

__all__ = ["zdr_audit"]
