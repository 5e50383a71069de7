"""Differences that are put into the service on purpose, as data: which there are, and how one is put in."""

from __future__ import annotations

import difflib
import tomllib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zdr_audit.resources import fixtures

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class UnknownSeedError(ValueError):
    """There is none of that id; the message lists those that there are."""


def load(folder: str, table: str) -> dict[str, dict[str, Any]]:
    """Id -> entry, from all files of a folder of the fixtures; an entry has `id`, `title`, `code` and perhaps `params`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((fixtures() / folder).glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get(table, ()):
            if entry["id"] in found:
                raise ValueError(f"{path.name}: {table} {entry['id']} is defined twice")
            found[entry["id"]] = entry
    return found


def install(parts: Parts, package: str, known: dict[str, dict[str, Any]], table: str, wanted: str) -> None:
    """Changes `parts` in the way that the entry says; UnknownSeedError where there is none of that id."""
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
        meant = f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        option = "" if table == "violation" else " --benign"
        raise UnknownSeedError(f"unknown {table} {wanted!r}{meant} ('zdr-audit violations{option}' lists all {len(known)})")
    entry = known[wanted]
    module, _, function = entry["code"].partition(":")
    change = getattr(import_module(f"{package}.{module}"), function)
    change(parts, **entry.get("params", {}))
