"""Which controls a profile gives the means for: not applicable needs the profile's reason, not tested names what is missing."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable

from zdr_audit.catalogue.model import Control, Evidence, Family
from zdr_audit.profile.audit import REFUSALS_LOGGED
from zdr_audit.profile.base import names
from zdr_audit.profile.model import OUT_OF_SCOPE_PLATFORMS, SESSION, STAFF, Profile
from zdr_audit.target.dialects.base import Dialect

SCOPE = ("covers", "not_covered", "platforms_covered", "platforms_not_covered")
OTHER = "|other"
"""Ends a need (`feature:files|other`) in whose place, where the target does not have it, any feature does that the policy does not name."""


def offered(profile: Profile, dialect: Dialect) -> frozenset[str]:
    """Features that the dialect has, or the profile adds to it (a session in a header, or in the body), and that the profile does not call absent
    (`stimulus:image`, say)."""

    def present(name: str) -> bool:
        return profile.why_absent(name if name.startswith("dialect:") else f"stimulus:{name}") is None

    asked = profile.operations["messages.create"]
    said = dialect.features | (names([asked.query, asked.headers]) & {SESSION}) | ({SESSION} if asked.session is not None else set())
    return frozenset(filter(present, said))


def split(
    profile: Profile, controls: Iterable[Control], actors: Collection[str], features: Collection[str] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """(not applicable, not tested): control id -> reason. `actors` are the keys (`subject.member`, `staff.operator`) that have a credential,
    `features` those of a stimulus that are offered (None: all)."""
    unavailable: dict[str, str] = {}
    without: dict[str, str] = {}
    for control in controls:
        outside = _outside(profile, control)
        if outside:
            unavailable[control.id] = outside
            continue
        for need in control.requires:
            if need.startswith(("stimulus:", "dialect:")):
                lacking = _lacking(profile, need, features)
                if lacking:
                    unavailable.setdefault(control.id, lacking)
                continue
            if need == "zdr.reject" and profile.approved_at_once:
                continue  # there is nothing to reject, and the controls that try it have other things to try
            # An operation that the profile gives is there, whatever a pattern of `absent` says; so is a step that another one does.
            reason = None if need in profile.operations or profile.done_by(need) else profile.why_absent(need.removesuffix(OTHER))
            if reason and need.endswith(OTHER) and profile.other_features:
                continue
            if reason:
                unavailable.setdefault(control.id, f"the target does not have '{need.removesuffix(OTHER)}': {reason}")
                continue
            lacking = missing(profile, need, actors)
            if lacking:
                without.setdefault(control.id, lacking)
        for group, is_http in ((Evidence.stores, False), (Evidence.read_back, True)):
            if group in control.evidence and not any((e.kind == "http") == is_http for e in profile.evidence):
                reason = profile.why_absent(f"evidence:{group.value}")
                if reason:
                    unavailable.setdefault(control.id, reason)
                else:
                    without.setdefault(control.id, f"the profile names no evidence of the kind '{group.value}'")
        if control.id in unavailable:
            without.pop(control.id, None)
    return unavailable, without


def _outside(profile: Profile, control: Control) -> str | None:
    """Why a control asks for what the target does not claim: its platform is out of the policy's scope, or it does not block features."""
    target = profile.target
    if target.platform in OUT_OF_SCOPE_PLATFORMS and control.family is not Family.RET:
        return f"the platform {target.platform} is outside the policy's scope: only generic retention is examined"
    if target.enforcement == "leaves_promise" and control.family is Family.BLK:
        return "the target does not claim to block features that need storage: using one leaves the promise, and what was sent through it is not covered"
    return None


def _lacking(profile: Profile, need: str, features: Collection[str] | None) -> str | None:
    """Why the dialect or the target has none of the features that a need names (`stimulus:image|document`), None where it has one."""
    kind, _, listed = need.partition(":")
    names = listed.split("|")
    if features is None or {n if kind == "stimulus" else f"{kind}:{n}" for n in names} & set(features):
        return None
    where = " in a request" if kind == "stimulus" else ""
    for name in names:
        reason = profile.why_absent(f"{kind}:{name}")
        if reason:
            return f"the target does not have '{name}'{where}: {reason}"
    return f"the dialect {profile.target.dialect}, as the profile describes it, has no {' or '.join(names)}{where}"


def missing(profile: Profile, need: str, actors: Collection[str]) -> str | None:
    """What the profile lacks for an operation or a feature, None where nothing."""
    if need == "audit.chain":
        said = "the profile does not say how entries of the audit log are chained (audit_chain), and no reason why they are not ('audit.chain')"
        return None if profile.audit_chain else said
    if need == REFUSALS_LOGGED:
        return None  # expected of every log, unless the profile says under `absent` that it does not
    if need == "zdr.scope":
        status = profile.operations.get("zdr.status")
        wanting = [name for name in SCOPE if status is None or name not in status.extract]
        return f"'extract' of the operation 'zdr.status' does not give {', '.join(wanting)}" if wanting else None
    if need == "openapi.storage":
        return None  # whether the document says it is seen when it is read
    if need == "endpoint:helper":
        marked = any(e.helper for f in profile.features.values() for e in f.endpoints)
        return None if marked else "the profile marks no endpoint of a feature as a helper beside the main ones (helper = true)"
    if need.startswith("feature:"):
        wanted = need.removeprefix("feature:").removesuffix(OTHER)
        if not fnmatch.filter(list(profile.features), wanted):
            return f"the profile names no feature '{wanted}'"
        return None
    need = profile.done_by(need) or need
    operation = profile.operations.get(need)
    if operation is None:
        return f"the profile names no operation '{need}', and no reason why the target does not have it"
    if operation.changes and not profile.permissions.allows(need):
        return f"the profile's permissions do not allow '{need}'"
    if operation.by == "anybody":
        return None
    actor = f"staff.{operation.by}" if operation.by in STAFF else f"subject.{operation.by}"
    return None if actor in actors else f"no credential for {actor}, which '{need}' needs"
