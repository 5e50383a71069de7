"""Managed settings as clients are told them, and which of them are not as the admin set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zdr_audit.journal.events import Interaction


def told(item: Interaction) -> Mapping[str, Any]:
    """The settings in an answer by their names; none where it has another shape."""
    settings = item.data.get("settings") if isinstance(item.data, dict) else None
    return settings if isinstance(settings, dict) else {}


def otherwise(item: Interaction, wanted: Mapping[str, object]) -> list[str]:
    """The names of those that are missing or have another value. What is off (`False`) is not 0, and what is on is not 1."""
    found = told(item)
    return [name for name, value in wanted.items() if name not in found or found[name] != value or type(found[name]) is not type(value)]
