"""Managed settings as clients are told them, and which of them are not as the admin set them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zdr_audit.journal.events import Interaction


def told(item: Interaction) -> Mapping[str, Any]:
    """The settings in an answer by their names; none where it has another shape."""
    settings = item.data.get("settings") if isinstance(item.data, dict) else None
    return settings if isinstance(settings, dict) else {}


def _said(settings: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Each value by its name and the names that it stands under. A list is one value."""
    found: dict[tuple[str, ...], Any] = {}
    for name, value in settings.items():
        found |= _said(value, (*above, name)) if isinstance(value, Mapping) else {(*above, name): value}
    return found


def left_over(item: Interaction, wanted: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]], own: Mapping[str, Any]) -> list[str]:
    """The names, nested ones by a path, that are told with a value which was set earlier, though the last write, which says all that is `wanted`, left them
    out. Names that were never set, and those that the target tells of its own accord (`own`), may stand there; so may a removed name with another value,
    which is its default."""
    remains, beside = _said(wanted), _said(own)
    set_before = [_said(settings) for settings in earlier]

    def once_set(path: tuple[str, ...], value: Any) -> bool:
        return any(path in said and said[path] == value and type(said[path]) is type(value) for said in set_before)

    return [".".join(path) for path, value in _said(told(item)).items() if path not in remains | beside and once_set(path, value)]


def otherwise(item: Interaction, wanted: Mapping[str, object]) -> list[str]:
    """The names of those that are missing or have another value. What is off (`False`) is not 0, and what is on is not 1."""
    found = told(item)
    return [name for name, value in wanted.items() if name not in found or found[name] != value or type(found[name]) is not type(value)]
