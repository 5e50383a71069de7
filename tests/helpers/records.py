"""Which dataclasses of a room can be changed after they were made."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def mutable(room: ModuleType) -> set[str]:
    """The names of those that can. A module that needs an extra which is not installed is passed over."""
    records = [made for made in _classes(room) if dataclasses.is_dataclass(made)]
    assert records
    return {made.__name__ for made in records if not made.__dataclass_params__.frozen}  # type: ignore[attr-defined]


def _classes(room: ModuleType) -> Iterator[type]:
    for found in pkgutil.iter_modules(room.__path__):
        try:
            module = importlib.import_module(f"{room.__name__}.{found.name}")
        except ModuleNotFoundError as missing:
            if str(missing.name).startswith("zdr_audit"):
                raise
            continue
        yield from (made for _, made in inspect.getmembers(module, inspect.isclass) if made.__module__ == module.__name__)
