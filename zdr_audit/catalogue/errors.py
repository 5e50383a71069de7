"""The two errors of the catalogue: its data is wrong, or nothing of it was selected."""

from __future__ import annotations


class CatalogueError(ValueError):
    """The catalogue's data is wrong. One line: file (below the catalogue's root), key, what is wrong and what is allowed."""


class SelectionError(ValueError):
    """A control pattern selects nothing. One line that names the pattern and what comes close to it."""
