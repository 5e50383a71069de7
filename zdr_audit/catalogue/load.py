"""Reads the control catalogue from its data files and checks that everything in it belongs together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from zdr_audit.catalogue.errors import CatalogueError
from zdr_audit.catalogue.model import Catalogue, Control, Framework
from zdr_audit.catalogue.parse import PolicyFile, close_to, read_control, read_framework, read_policy

SHIPPED = Path(__file__).resolve().parent
Item = TypeVar("Item", bound=BaseModel)


def load_catalogue(root: Path | None = None) -> Catalogue:
    """The catalogue under `root` (`policy.toml`, `controls/FAMILY/ID.toml`, `frameworks/ID.toml`); the shipped one, read once, by default.

    Raises CatalogueError, one line with file and key, at the first thing that is wrong.
    """
    return _shipped() if root is None else _load(root)


@cache
def _shipped() -> Catalogue:
    return _load(SHIPPED)


def _load(root: Path) -> Catalogue:
    policy = read_policy(root / "policy.toml", root)
    _check_policy(policy)
    controls = _folder(root, "controls", 2, read_control)
    _check_controls(policy, controls)
    frameworks = _folder(root, "frameworks", 1, read_framework)
    _check_frameworks(frameworks, [control.id for _, control in controls])
    return Catalogue(
        edition=policy.edition,
        source=policy.source,
        statements=policy.statement,
        controls=tuple(sorted((control for _, control in controls), key=_report_order)),
        frameworks=tuple(framework for _, framework in frameworks),
        digest=_digest(policy, controls, frameworks),
    )


def _folder(root: Path, name: str, depth: int, read: Callable[[Path, Path], Item]) -> list[tuple[str, Item]]:
    """Every data file of a folder with its name below `root`, in name order.

    A file in the wrong place is an error: unread, it would be missed by nobody.
    """
    folder = root / name
    if not folder.is_dir():
        raise CatalogueError(f"{name}: no such folder")
    found: list[tuple[str, Item]] = []
    for path in sorted(folder.rglob("*.toml"), key=lambda item: item.as_posix()):
        shown = path.relative_to(root).as_posix()
        if len(path.relative_to(folder).parts) != depth:
            place = "controls/FAMILY/ID.toml" if depth == 2 else f"{name}/ID.toml"
            raise CatalogueError(f"{shown}: in the wrong folder (expected {place})")
        found.append((shown, read(path, root)))
    if not found:
        raise CatalogueError(f"{name}: holds no .toml file")
    return found


def _check_policy(policy: PolicyFile) -> None:
    for index, key in _repeated([statement.id for statement in policy.statement]):
        raise CatalogueError(f"policy.toml: statement[{index}].id: duplicate id {key}")
    for index, statement in enumerate(policy.statement, 1):
        reason = (statement.why_not or "").strip()
        if not statement.checkable and not reason:
            raise CatalogueError(f"policy.toml: statement[{index}].why_not: missing; {statement.id} is not checkable and must say why")
        if statement.checkable and statement.why_not is not None:
            raise CatalogueError(f"policy.toml: statement[{index}].why_not: {statement.id} is checkable, so there is nothing to excuse")


def _check_controls(policy: PolicyFile, controls: Sequence[tuple[str, Control]]) -> None:
    checkable = {statement.id: statement.checkable for statement in policy.statement}
    for index, key in _repeated([control.id for _, control in controls]):
        raise CatalogueError(f"{controls[index - 1][0]}: id: duplicate id {key}")
    for name, control in controls:
        expected = f"controls/{control.family.value}/{control.id}.toml"
        if name != expected:
            raise CatalogueError(f"{name}: id: {control.id} belongs in {expected}")
        for index, key in _repeated(control.policy):
            raise CatalogueError(f"{name}: policy[{index}]: {key} is named twice")
        for index, key in _repeated(control.requires):
            raise CatalogueError(f"{name}: requires[{index}]: {key} is named twice")
        for index, key in _repeated([evidence.value for evidence in control.evidence]):
            raise CatalogueError(f"{name}: evidence[{index}]: {key} is named twice")
        for index, key in enumerate(control.policy, 1):
            if key not in checkable:
                raise CatalogueError(f"{name}: policy[{index}]: unknown statement {key}{close_to(key, list(checkable))}")
            if not checkable[key]:
                raise CatalogueError(f"{name}: policy[{index}]: {key} is marked as not checkable in policy.toml")
    used = {key for _, control in controls for key in control.policy}
    for index, statement in enumerate(policy.statement, 1):
        if statement.checkable and statement.id not in used:
            raise CatalogueError(f"policy.toml: statement[{index}].id: {statement.id} is checkable but no control names it")


def _check_frameworks(frameworks: Sequence[tuple[str, Framework]], control_ids: Sequence[str]) -> None:
    for name, framework in frameworks:
        expected = f"frameworks/{framework.id}.toml"
        if name != expected:
            raise CatalogueError(f"{name}: id: {framework.id} belongs in {expected}")
        for index, key in _repeated([clause.id for clause in framework.clauses]):
            raise CatalogueError(f"{name}: clauses[{index}].id: duplicate id {key}")
        for index, clause in enumerate(framework.clauses, 1):
            for position, key in _repeated(clause.controls):
                raise CatalogueError(f"{name}: clauses[{index}].controls[{position}]: {key} is named twice")
            for position, key in enumerate(clause.controls, 1):
                if key not in control_ids:
                    raise CatalogueError(
                        f"{name}: clauses[{index}].controls[{position}]: unknown control {key}{close_to(key, control_ids)}"
                    )


def _repeated(keys: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each key that stood before, with its place counted from 1."""
    seen: set[str] = set()
    for index, key in enumerate(keys, 1):
        if key in seen:
            yield index, key
        seen.add(key)


def _report_order(control: Control) -> tuple[int, str]:
    return list(type(control.family)).index(control.family), control.id


def _digest(policy: PolicyFile, controls: Sequence[tuple[str, Control]], frameworks: Sequence[tuple[str, Framework]]) -> str:
    """SHA-256 in hex over what the files say: neither the place of the catalogue nor layout and comments of the files change it."""
    items: Sequence[tuple[str, BaseModel]] = [("policy.toml", policy), *controls, *frameworks]
    content = {name: item.model_dump(mode="json") for name, item in items}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
