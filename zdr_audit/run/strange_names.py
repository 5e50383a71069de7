"""Names in a profile that lead nowhere: an operation that no suite uses, a pattern that fits nothing. Most are misspelt."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Iterator

from zdr_audit.catalogue.model import Catalogue
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile


def known_names(catalogue: Catalogue) -> frozenset[str]:
    """Operations that suites use: those that controls require, and those of the complete example."""
    required = {need for control in catalogue.controls for need in control.requires if ":" not in need}
    return frozenset(required | load("simulator", {"ZDR_SIM_DATA": "."}).profile.operations.keys())


def strange(profile: Profile, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """(key, what is odd about it), in the order of the profile."""
    known = known_names(catalogue)
    used = {name for item in profile.evidence for name in (item.operation, item.detail) if name} | profile.removals
    for name in profile.operations:
        if name not in known | used and (close := _close(name, known)):
            yield f"operations.{name}", f"no suite uses an operation of this name{close}"
    needs = {need.removesuffix("|other") for control in catalogue.controls for need in control.requires}
    needs |= known | {f"feature:{name}" for name in profile.features} | {"evidence:stores", "evidence:read_back"}
    for pattern in profile.absent:
        if not pattern.startswith(("stimulus:", "dialect:")) and not _fits(pattern, needs):
            yield f"absent.{pattern}", f"this fits nothing that a control could need{_close(pattern, needs)}"
    allowed = {f"spike.{item.id}" for item in profile.evidence} | profile.operations.keys() | known
    for pattern in profile.permissions.allow:
        if not _fits(pattern, allowed):
            yield f"permissions.allow.{pattern}", f"this fits no operation{_close(pattern, allowed)}"


def _fits(pattern: str, names: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)


def _close(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, sorted({*names, *(f"{n.rpartition('.')[0]}.*" for n in names if "." in n)}), 1, 0.8)
    return f"; did you mean '{found[0]}'?" if found else ""
