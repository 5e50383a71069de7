"""The wheel installs one top-level name, suites, fixtures and templates included."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from zdr_audit import __version__

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "suites": "zdr_audit/suites",
    "fixtures": "zdr_audit/fixtures",
    "reports/templates": "zdr_audit/report/templates",
    "zdr_audit": "zdr_audit",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the wheel: of the installed one, or, where the checkout itself is installed, of one built now."""
    distribution = importlib.metadata.distribution("zdr-audit")
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        inside = (PurePosixPath(f) for f in distribution.files or ())
        added = {"INSTALLER", "REQUESTED", "direct_url.json"}  # by the installer
        return {str(p) for p in inside if ".." not in p.parts and "__pycache__" not in p.parts and p.name not in added}
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def shipped(room: str) -> set[str]:
    """Files of a room of the checkout, relative to it."""
    found = (p.relative_to(ROOT / room) for p in (ROOT / room).rglob("*") if p.is_file())
    return {p.as_posix() for p in found if not {"__pycache__", ".hypothesis"} & set(p.parts)}


def test_only_the_package_and_its_metadata_are_at_the_top(names):
    assert {name.split("/")[0] for name in names} == {"zdr_audit", f"zdr_audit-{__version__}.dist-info"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_of_the_room_is_inside(names, room):
    files = shipped(room)
    assert files
    assert {f"{ROOMS[room]}/{name}" for name in files} <= names


def test_nothing_else_is_inside(names):
    wanted = {f"{inside}/{name}" for room, inside in ROOMS.items() for name in shipped(room)}
    assert {name for name in names if name.startswith("zdr_audit/")} == wanted


@pytest.mark.parametrize("word", ["__pycache__", ".pyc", ".hypothesis", "reports/out", "zdr-simulator-data", ".sqlite"])
def test_no_leftovers_are_inside(names, word):
    assert [name for name in names if word in name] == []


def test_the_licence_and_the_command_are_part_of_the_metadata(names):
    metadata = f"zdr_audit-{__version__}.dist-info"
    assert {f"{metadata}/METADATA", f"{metadata}/entry_points.txt", f"{metadata}/licenses/LICENSE"} <= names
