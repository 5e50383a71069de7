"""A target's interface document as the contract suites read it: operations, who may call them, and how they stand to the profile's operations."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zdr_audit.profile.base import TEMPLATE_NAME
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation

ROLES = "x-zdr-roles"
"""The extension by which a document names the roles that may call an operation."""
ORGANIZATION = frozenset({"organization", "org"})
USER = frozenset({"user_id", "user"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MOVES_THE_TARGET = ("clock.*", "purge.*", "fault.*", "service.*")
"""Operations of the profile that change the target as a whole: nothing generated goes there in their owner's name."""
_PARAMETER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Documented:
    """One operation. `roles` None: the document does not say who may call it. `profiled` are the names of the profile's operations of the same method and
    path."""

    method: str
    path: str
    tag: str
    open: bool
    roles: frozenset[str] | None
    profiled: tuple[str, ...] = ()
    needs_storage: bool = False

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def collection(self) -> str | None:
        """The path of what the last parameter is taken from, None where there is no parameter."""
        found = list(_PARAMETER.finditer(self.path))
        return self.path[: found[-1].start()].rstrip("/") if found else None

    def moves_the_target(self) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for name in self.profiled for pattern in MOVES_THE_TARGET)

    def may(self, role: str, known: Iterable[str], profile: Profile) -> bool | None:
        """Whether a role may call it: by the document where it names a role that is `known`, else by the profile; None where neither says."""
        if self.roles is not None and self.roles & set(known):
            return role in self.roles
        calls = profiled(profile)
        entitled = {calls[name].by for name in self.profiled} - {"member", "anybody"}
        if role in entitled:
            return True
        return False if entitled and role == "member" else None


def shape(path: str) -> str:
    """A path template without the names of its parameters, and without a query."""
    return _PARAMETER.sub("{}", path.partition("?")[0])


def read(document: Any, profile: Profile) -> dict[str, Documented]:
    """Label -> operation. What the document describes in a form that cannot be read is left out."""
    bound: dict[tuple[str, str], list[str]] = {}
    for name, spec in profiled(profile).items():
        bound.setdefault((spec.method, shape(spec.path)), []).append(name)
    found: dict[str, Documented] = {}
    paths = document.get("paths") if isinstance(document, dict) else None
    general = document.get("security") if isinstance(document, dict) else None
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for verb, spec in item.items() if isinstance(item, Mapping) else ():
            if not isinstance(spec, Mapping) or verb.lower() not in ("get", "put", "post", "delete", "patch", "head", "options"):
                continue
            method = str(verb).upper()
            roles, security, tags = spec.get(ROLES), spec.get("security", general), spec.get("tags")
            one = Documented(
                method,
                str(path),
                str(tags[0]) if isinstance(tags, list) and tags else "",
                not security,
                frozenset(map(str, roles)) if isinstance(roles, list) else None,
                tuple(bound.get((method, shape(str(path))), ())),
                bool(spec.get("x-zdr-requires-storage")),
            )
            found[one.label] = one
    return found


def unspoken_pages(document: Any, profile: Profile) -> list[str]:
    """Paths that are read without naming a thing, and that no operation of the profile stands for."""
    known = read(document, profile).values()
    return [one.path for one in known if one.method == "GET" and one.collection is None and not one.profiled]


def called(known: Iterable[Documented], profile: Profile) -> dict[str, frozenset[str]]:
    """What the profile means by a parameter of a path, or a member of a body: the document's name -> names in the same place of the profile's operations
    of that path."""
    calls = profiled(profile)
    found: dict[str, set[str]] = {}
    for one in known:
        for name in one.profiled:
            for theirs, ours in zip(one.path.split("/"), calls[name].path.partition("?")[0].split("/"), strict=False):
                if _PARAMETER.fullmatch(theirs) and _PARAMETER.fullmatch(ours):
                    found.setdefault(theirs[1:-1], set()).add(ours[1:-1])
            body = calls[name].body
            for member, said in body.items() if isinstance(body, dict) else ():
                if isinstance(said, str) and (whole := TEMPLATE_NAME.fullmatch(said)):
                    found.setdefault(member, set()).add(whole[1])
    return {name: frozenset(meant) for name, meant in found.items()}


def meaning(parameters: Mapping[str, frozenset[str]], ours: frozenset[str]) -> frozenset[str]:
    """The names by which the document calls what the profile has under `ours`, and nothing else."""
    return ours | {name for name, meant in parameters.items() if meant <= ours}


def profiled(profile: Profile) -> dict[str, Operation]:
    """Every call of the profile, features' endpoints too, by the name that the journal has for it."""
    calls: dict[str, Operation] = dict(profile.operations)
    for name, feature in profile.features.items():
        calls |= {f"feature:{name}.{endpoint.name}": endpoint for endpoint in feature.endpoints}
    return calls
