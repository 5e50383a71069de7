"""What one step hands to the next is not changed by the next: records are immutable, but for those that gather."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import zdr_audit.canary as room


def mutable() -> set[str]:
    """Dataclasses of the room that can be changed."""
    modules = [importlib.import_module(f"{room.__name__}.{found.name}") for found in pkgutil.iter_modules(room.__path__)]
    classes = [made for module in modules for _, made in inspect.getmembers(module, inspect.isclass) if made.__module__ == module.__name__]
    records = [made for made in classes if dataclasses.is_dataclass(made)]
    assert records
    return {made.__name__ for made in records if not made.__dataclass_params__.frozen}  # type: ignore[attr-defined]


def test_records_are_immutable():
    assert mutable() == {"_Open"}
