"""How much room each source takes, whatever its kind: what the growth bound rests on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from zdr_audit.evidence.command import command_size
from zdr_audit.evidence.registry import SERVER_READERS, more_sizes
from zdr_audit.evidence.server_size import server_size
from zdr_audit.evidence.size import SizeError, size_of
from zdr_audit.profile.evidence import Evidence
from zdr_audit.run.place import command_of, server_place


def measured(evidence: tuple[Evidence, ...], environment: Mapping[str, str]) -> dict[str, int]:
    """Bytes in use of each source that can be measured, by source id."""
    sizes = {}
    for item in evidence:
        try:
            size = _size(item, environment)
        except (OSError, sqlite3.Error, SizeError):
            continue
        if size is not None:
            sizes[item.id] = size
    return sizes


def _size(item: Evidence, environment: Mapping[str, str]) -> int | None:
    """None for a kind that has no size. Raises OSError, sqlite3.Error or SizeError."""
    if item.path is not None:
        return size_of(item.kind, Path(item.path))
    if item.kind in SERVER_READERS:
        return server_size(item.kind, server_place(item, environment))
    if item.kind == "command":
        return command_size(command_of(item))
    if item.reader is None or (sizer := more_sizes().get(item.reader)) is None:
        return None
    try:
        found = sizer(item.options)
    except Exception as exc:  # a package that breaks has measured nothing
        raise SizeError(f"{type(exc).__name__}: {exc}") from None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise SizeError("the package gave no number of bytes")
    return found
