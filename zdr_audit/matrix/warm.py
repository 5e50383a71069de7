"""What a process must have loaded to audit: imported once in the process that those of a matrix are forked from."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

import zdr_audit.plugin  # noqa: F401
from zdr_audit.matrix.drive import DOCUMENT
from zdr_audit.run.cli_run import HYPOTHESIS_FOLDER, suite_arguments
from zdr_audit.suite.contract.generator import Generator
from zdr_audit.suite.contract.volumes import draw
from zdr_audit.suite.generate import shapes


def warm() -> None:
    """Collects the suites and generates requests, which fills what pytest, Hypothesis and Schemathesis keep in memory."""
    with tempfile.TemporaryDirectory(prefix="zdr-audit-") as scratch, open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.environ[HYPOTHESIS_FOLDER] = scratch
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            pytest.main([*suite_arguments(), "--collect-only"])
            shapes(("one", "two"), 2, 1)
            st.text().validate()
            if DOCUMENT in os.environ:
                _generate(**json.loads(Path(os.environ[DOCUMENT]).read_text(encoding="utf-8")))
        del os.environ[HYPOTHESIS_FOLDER]
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # for processes that live for seconds, and have memory enough


def _generate(document: Any, run_seed: int, depth: str) -> None:
    """Makes the requests ready that audits of a target with this document will send."""
    generator = Generator.of(document)
    for operation in generator.operations:
        draw(generator, operation, depth, run_seed)


warm()
