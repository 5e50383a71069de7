"""Which tests there are for each control, read off the source of the suites: those that nobody collected are known so as well."""

from __future__ import annotations

import re
from pathlib import Path

_BOUND = re.compile(r"""^@control\(\s*"(?P<control>[A-Z0-9-]+)"|^def (?P<test>test_\w+)\(""", re.M)


def known_checks(suites: Path) -> dict[str, tuple[str, ...]]:
    """Control -> the ids of its tests below the folder, as the journal has them (`suites/scope/test_accounts.py::test_...`), in order."""
    found: dict[str, list[str]] = {}
    for path in sorted(suites.glob("*/test_*.py")):
        bound: list[str] = []
        for one in _BOUND.finditer(path.read_text(encoding="utf-8")):
            if one["control"]:
                bound.append(one["control"])
                continue
            for control in bound:
                found.setdefault(control, []).append(f"suites/{path.parent.name}/{path.name}::{one['test']}")
            bound = []
    return {control: tuple(tests) for control, tests in sorted(found.items())}
