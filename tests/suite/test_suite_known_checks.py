"""Every check of the suites is known by its name, also those that nobody collected."""

from __future__ import annotations

import importlib
import inspect

from zdr_audit import resources
from zdr_audit.suite.known_checks import known_checks


def test_every_test_that_is_bound_to_a_control_is_known():
    bound: dict[str, set[str]] = {}
    for path in sorted(resources.suites().glob("*/test_*.py")):
        module = importlib.import_module(f"suites.{path.parent.name}.{path.stem}")
        for name, test in inspect.getmembers(module, inspect.isfunction):
            for mark in getattr(test, "pytestmark", ()):
                if mark.name == "control" and test.__module__ == module.__name__:
                    bound.setdefault(mark.args[0], set()).add(f"suites/{path.parent.name}/{path.name}::{name}")
    assert {control: set(tests) for control, tests in known_checks(resources.suites()).items()} == bound
    assert len(bound) == 110


def test_tests_are_named_in_order_whether_bound_once_or_twice_and_helpers_are_not(tmp_path):
    (tmp_path / "scope").mkdir()
    (tmp_path / "scope" / "test_b.py").write_text(
        '@control("ZDR-SCP-02", after=(one,))\n@control("ZDR-SCP-01")\ndef test_two(expect):\n    pass\n\n\n'
        '@control(\n    "ZDR-SCP-01",\n)\ndef test_one(expect):\n    pass\n\n\ndef test_of_nothing():\n    pass\n'
    )
    (tmp_path / "scope" / "test_a.py").write_text('@control("ZDR-SCP-01")\ndef test_x(expect): ...\n')
    (tmp_path / "scope" / "scenarios.py").write_text('@control("ZDR-SCP-01")\ndef test_y(expect): ...\n')
    assert known_checks(tmp_path) == {
        "ZDR-SCP-01": ("suites/scope/test_a.py::test_x", "suites/scope/test_b.py::test_two", "suites/scope/test_b.py::test_one"),
        "ZDR-SCP-02": ("suites/scope/test_b.py::test_two",),
    }
