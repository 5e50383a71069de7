"""Which controls a profile gives the means for: not applicable needs the profile's reason, not tested names what is missing."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable

from zdr_audit.catalogue.model import Control, Evidence
from zdr_audit.profile.model import Profile

STAFF = ("account_team", "reviewer", "operator", "auditor")


def split(profile: Profile, controls: Iterable[Control], actors: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """(not applicable, not tested): control id -> reason. `actors` are the keys (`subject.member`, `staff.operator`) that have a credential."""
    unavailable: dict[str, str] = {}
    without: dict[str, str] = {}
    for control in controls:
        for need in control.requires:
            reason = _absent(profile, need)
            if reason:
                unavailable.setdefault(control.id, f"the target does not have '{need}': {reason}")
                continue
            lacking = missing(profile, need, actors)
            if lacking:
                without.setdefault(control.id, lacking)
        for group, is_http in ((Evidence.stores, False), (Evidence.read_back, True)):
            if group in control.evidence and not any((e.kind == "http") == is_http for e in profile.evidence):
                reason = _absent(profile, f"evidence:{group.value}")
                if reason:
                    unavailable.setdefault(control.id, reason)
                else:
                    without.setdefault(control.id, f"the profile names no evidence of the kind '{group.value}'")
        if control.id in unavailable:
            without.pop(control.id, None)
    return unavailable, without


def _absent(profile: Profile, need: str) -> str | None:
    return next((reason for pattern, reason in profile.absent.items() if fnmatch.fnmatchcase(need, pattern)), None)


def missing(profile: Profile, need: str, actors: Collection[str]) -> str | None:
    """What the profile lacks for an operation or a feature, None where nothing."""
    if need.startswith("feature:"):
        wanted = need.removeprefix("feature:")
        if not fnmatch.filter(list(profile.features), wanted):
            return f"the profile names no feature '{wanted}'"
        return None
    operation = profile.operations.get(need)
    if operation is None:
        return f"the profile names no operation '{need}', and no reason why the target does not have it"
    if operation.changes and not any(fnmatch.fnmatchcase(need, p) for p in profile.permissions.allow):
        return f"the profile's permissions do not allow '{need}'"
    if operation.by == "anybody":
        return None
    actor = f"staff.{operation.by}" if operation.by in STAFF else f"subject.{operation.by}"
    return None if actor in actors else f"no credential for {actor}, which '{need}' needs"
