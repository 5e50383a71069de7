"""Chooses controls by patterns, as `--controls` takes them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from zdr_audit.catalogue.errors import SelectionError
from zdr_audit.catalogue.model import Catalogue, Control


def select(catalogue: Catalogue, globs: Sequence[str]) -> tuple[Control, ...]:
    """The controls that match any of `globs`, in catalogue order; all of them where `globs` is empty.

    A glob is one pattern or a comma-separated list; `*`, `?` and `[...]` work as in a shell, case does not matter.
    Raises SelectionError for a pattern that matches no control, so that a slip of the pen never shrinks an audit in silence.
    """
    if not globs:
        return catalogue.controls
    patterns = [pattern.strip() for glob in globs for pattern in glob.split(",") if pattern.strip()]
    if not patterns:
        raise SelectionError("the control selection is empty: give an id such as ZDR-RET-01 or a pattern such as ZDR-RET-*")
    wanted: set[str] = set()
    for pattern in patterns:
        matched = {control.id for control in catalogue.controls if fnmatchcase(control.id, pattern.upper())}
        if not matched:
            raise SelectionError(_nothing(pattern, catalogue))
        wanted |= matched
    return tuple(control for control in catalogue.controls if control.id in wanted)


def _nothing(pattern: str, catalogue: Catalogue) -> str:
    families = list(dict.fromkeys(f"ZDR-{control.family.value}-*" for control in catalogue.controls))
    ids = [control.id for control in catalogue.controls]
    near = difflib.get_close_matches(pattern.upper(), [*families, *ids], n=3, cutoff=0.5)
    hint = f"close matches: {', '.join(near)}" if near else f"families: {', '.join(families)}"
    return f"no control matches {pattern!r}; {hint}"
