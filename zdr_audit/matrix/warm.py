"""What a process must have loaded to audit: imported once in the process that those of a matrix are forked from."""

from __future__ import annotations

import contextlib
import gc
import os
import tempfile

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.result import Ok

import zdr_audit.plugin  # noqa: F401
from zdr_audit.run.cli_run import HYPOTHESIS_FOLDER, suite_arguments
from zdr_audit.suite.fuzz import generated
from zdr_audit.suite.generate import shapes

_DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Any", "version": "1"},
    "paths": {
        "/things/{id}": {
            "post": {
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,80}$"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}},
                    {"name": "version", "in": "header", "required": True, "schema": {"type": "string", "pattern": "^[0-9]{4}$"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["name", "parts"],
                                "properties": {
                                    "name": {"anyOf": [{"type": "string", "maxLength": 80}, {"type": "null"}]},
                                    "parts": {"type": "array", "minItems": 1, "items": {"oneOf": [{"type": "string"}, {"type": "object"}]}},
                                    "kind": {"enum": ["a", "b"]},
                                    "on": {"type": "boolean"},
                                },
                            }
                        },
                        "multipart/form-data": {
                            "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
                        },
                    },
                },
                "responses": {"200": {"description": "Done."}},
            }
        }
    },
}


def warm() -> None:
    """Collects the suites and generates a few requests, which fills what pytest, Hypothesis and Schemathesis keep in memory."""
    with tempfile.TemporaryDirectory(prefix="zdr-audit-") as scratch, open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.environ[HYPOTHESIS_FOLDER] = scratch
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            pytest.main([*suite_arguments(), "--collect-only"])
            shapes(("one", "two"), 2, 1)
            st.text().validate()
            for result in (found for found in schemathesis.openapi.from_dict(_DOCUMENT).get_all_operations() if isinstance(found, Ok)):
                for mode in schemathesis.GenerationMode:
                    list(generated(result.ok(), mode, examples=3, run_seed=1, owned={}))
        del os.environ[HYPOTHESIS_FOLDER]
    gc.collect()
    gc.freeze()


warm()
