"""ARCHITECTURE.md says which room may import which; here that is held against the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
PACKAGE = HOME / "zdr_audit"
BELOW_ALL = {"extension", "resources", "violations", "__version__"}
ROW = re.compile(r"^\| `zdr_audit/(\w+)/` \|.*\| ([^|]+) \|$", re.MULTILINE)
TABLE = dict(ROW.findall((HOME / "ARCHITECTURE.md").read_text(encoding="utf-8")))
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def allowed(room: str) -> set[str]:
    """What the row of a room names; "all above" are the rooms of the rows before it."""
    words = set(re.findall(r"\w+", TABLE[room]))
    above = set(TABLE) - {"simulator"} if "all" in words else set()
    return {room} | BELOW_ALL | (words & {*TABLE, "plugin"}) | {name for name in above if list(TABLE).index(name) < list(TABLE).index(room)}


def imported(path: Path) -> Iterator[str]:
    """The names directly below the package that a module imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "zdr_audit":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zdr_audit."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("zdr_audit."))


def test_every_room_has_its_row() -> None:
    assert set(ROOMS) == set(TABLE)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_no_other_room_than_its_row_names(room: str) -> None:
    files = sorted((PACKAGE / room).rglob("*.py"))
    strange = [f"{path.relative_to(HOME)}: {name}" for path in files for name in imported(path) if name not in allowed(room)]
    assert strange == []


def test_the_simulator_and_the_auditor_know_nothing_of_each_other() -> None:
    assert allowed("simulator") == {"simulator"} | BELOW_ALL
    assert all("simulator" not in allowed(room) for room in ROOMS if room != "simulator")
