"""How a target's clients are told which features are closed to them: the ways that a profile may describe, and what it must say of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zdr_audit.profile.operation import Operation

READ = "policy_limits.read"
WAYS = {
    "restrictions": "an object: by name an object with 'allowed'",
    "closed": "a list of the names that are closed",
    "open": "a list of the names that are open",
    "states": "an object: by name a word for closed or open",
    "feature": "a list of objects with name and state",
}
"""The names that `extract` (of `feature`: `fields`) gives them, and what stands there."""
WORDS = ("closed", "open")


def way_of(spec: Operation) -> str | None:
    """The way in which the operation tells it, None where the profile names none."""
    return next((name for name in WAYS if name in (spec.fields if name == "feature" else spec.extract)), None)


def fits(spec: Operation) -> None:
    """Raises ValueError where the profile describes two ways, or half of one."""
    given = [name for name in WAYS if name in (spec.fields if name == "feature" else spec.extract)]
    if len(given) > 1:
        raise ValueError(f"operations.{READ}: '{given[0]}' and '{given[1]}' both say what is closed; give one")
    if "restrictions" in spec.means:
        raise ValueError(
            f"operations.{READ}: 'means' says nothing of 'restrictions', where 'allowed' is true or false; for other words give 'states'"
        )
    if spec.items is not None and not {"feature", "state"} <= spec.fields.keys():
        raise ValueError(f"operations.{READ}: 'items' needs 'feature' and 'state' in 'fields'")
    if spec.items is None and {"feature", "state"} & spec.fields.keys():
        raise ValueError(f"operations.{READ}: 'feature' and 'state' in 'fields' need 'items': where the list is")
    for name in {"states"} & spec.extract.keys() | {"state"} & spec.fields.keys():
        _said(name, spec.means.get(name, {}))


def _said(name: str, means: dict[str, tuple[Any, ...]]) -> None:
    """Raises ValueError where it is not told which words mean closed and which mean open."""
    if strange := sorted(means.keys() - set(WORDS)):
        raise ValueError(f"operations.{READ}: 'means' of '{name}' has '{strange[0]}' (allowed: {', '.join(WORDS)})")
    if lacking := [word for word in WORDS if not means.get(word)]:
        raise ValueError(
            f"operations.{READ}: '{name}' needs means = {{ {name} = {{ closed = [...], open = [...] }} }}: '{lacking[0]}' is missing"
        )
    if twice := [value for value in means["closed"] if _among(value, means["open"])]:
        raise ValueError(f"operations.{READ}: 'means' of '{name}' has {twice[0]!r} for closed and for open")


def _among(value: Any, others: Iterable[Any]) -> bool:
    return any(type(value) is type(other) and value == other for other in others)
