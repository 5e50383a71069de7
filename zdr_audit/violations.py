"""The catalogue of seeded violations as the auditor's side sees it: ids, titles, which control must catch each. Never read by the suites."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from zdr_audit import resources


class ViolationError(ValueError):
    """A violation file that cannot be used; the message is one line."""


class Violation(BaseModel):
    """One way to be non-compliant. `controls` must all fail; `related` (globs) may fail with them because they promise the same from another side.

    `needs` names what else must run: real `servers`, several `nodes`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[a-z]{3}-[a-z0-9-]+$")]
    title: str
    mechanism: str
    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    related: tuple[str, ...] = ()
    code: Annotated[str, StringConstraints(pattern=r"^[a-z_]+:[a-z_]+$")]
    params: dict[str, Any] = {}
    needs: tuple[Literal["servers", "nodes"], ...] = ()


def load_violations(root: Path | None = None) -> tuple[Violation, ...]:
    """All seeded violations in id order. Raises ViolationError with file and entry."""
    folder = root or resources.fixtures() / "violations"
    found: dict[str, Violation] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            entries = tomllib.loads(path.read_text()).get("violation", [])
        except (OSError, tomllib.TOMLDecodeError) as exc:
            raise ViolationError(f"{path}: {exc}") from None
        for entry in entries:
            try:
                item = Violation.model_validate(entry)
            except ValidationError as exc:
                first = exc.errors()[0]
                raise ViolationError(f"{path}: violation {entry.get('id')}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
            if item.id in found:
                raise ViolationError(f"{path}: violation {item.id} is there twice")
            found[item.id] = item
    return tuple(sorted(found.values(), key=lambda v: v.id))
