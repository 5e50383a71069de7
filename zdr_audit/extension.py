"""What installed packages add through entry points: dialects, readers of evidence, forms. A name of our own is never replaced."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any


class ExtensionError(Exception):
    """An installed package offers something that cannot be loaded; the message is one line for the user."""


def extensions(group: str) -> dict[str, Any]:
    """Name -> what the entry point of the group leads to, in the order of names. Raises ExtensionError."""
    found: dict[str, Any] = {}
    for point in sorted(entry_points(group=group), key=lambda p: p.name):
        try:
            found[point.name] = point.load()
        except Exception as exc:
            raise ExtensionError(f"the extension '{point.name}' ({point.value}) cannot be loaded: {type(exc).__name__}: {exc}") from None
    return found
