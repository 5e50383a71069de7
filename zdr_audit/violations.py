"""What is seeded in the reference simulator, as the auditor's side sees it: violations with the controls that must catch them, and harmless variants
that must raise nothing. Never read by the suites."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from zdr_audit import resources


class ViolationError(ValueError):
    """A file of seeds that cannot be used; the message is one line."""


class Seed(BaseModel):
    """One difference in the simulator: `code` with `params` makes it.

    `settle_seconds` is how long the target must be left alone before the difference shows (None: no longer than usual). `needs` names what else must run: real
    `servers`, several `nodes`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}-[a-z0-9-]+$")]
    title: str
    mechanism: str
    code: Annotated[str, StringConstraints(pattern=r"^[a-z_]+:[a-z_]+$")]
    params: dict[str, Any] = {}
    settle_seconds: Annotated[float, Field(gt=0, le=60)] | None = None
    needs: tuple[Literal["servers", "nodes"], ...] = ()


class Violation(Seed):
    """One way to be non-compliant. `controls` must all fail; `related` (globs) may fail with them because they promise the same from another side. `depth`:
    it came with the suites that go into depth, so the matrix tells whether those before them see it."""

    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    related: tuple[str, ...] = ()
    depth: bool = False


class Variant(Seed):
    """One way to be different and compliant: every control must pass."""

    id: Annotated[str, StringConstraints(pattern=r"^ben-[a-z0-9-]+$")]


S = TypeVar("S", bound=Seed)


def _load(kind: type[S], table: str, folder: Path) -> tuple[S, ...]:
    found: dict[str, S] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            entries = tomllib.loads(path.read_text(encoding="utf-8")).get(table, [])
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise ViolationError(f"{path}: {exc}") from None
        for entry in entries:
            try:
                item = kind.model_validate(entry)
            except ValidationError as exc:
                first = exc.errors()[0]
                raise ViolationError(f"{path}: {table} {entry.get('id')}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
            if item.id in found:
                raise ViolationError(f"{path}: {table} {item.id} is there twice")
            found[item.id] = item
    return tuple(sorted(found.values(), key=lambda seed: seed.id))


def load_violations(root: Path | None = None) -> tuple[Violation, ...]:
    """All seeded violations in id order. Raises ViolationError with file and entry."""
    return _load(Violation, "violation", root or resources.fixtures() / "violations")


def load_variants(root: Path | None = None) -> tuple[Variant, ...]:
    """All harmless variants in id order. Raises ViolationError with file and entry."""
    return _load(Variant, "variant", root or resources.fixtures() / "benign")


def check_names(violations: Iterable[str], variants: Iterable[str]) -> None:
    """Raises ViolationError for the first name that no seed has: with what may be meant, and where all names are listed."""
    for option, names, load, listing in (
        ("--violation", tuple(violations), load_violations, "zdr-audit violations"),
        ("--variant", tuple(variants), load_variants, "zdr-audit violations --benign"),
    ):
        known = [seed.id for seed in load()] if names else []
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
                meant = f"; did you mean {' or '.join(near)}?" if near else ""
                raise ViolationError(f"{option} {name}: there is none of that name{meant} ('{listing}' lists all {len(known)})")
