"""Which values of a package can be changed after they were made."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import is_dataclass


def changeable(package: str) -> set[str]:
    """The dataclasses of the package's modules that are not frozen, as `module.Name`."""
    found = set()
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        loaded = importlib.import_module(f"{package}.{module.name}")
        for name, made in vars(loaded).items():
            if (
                isinstance(made, type)
                and is_dataclass(made)
                and made.__module__ == loaded.__name__
                and not made.__dataclass_params__.frozen
            ):
                found.add(f"{module.name}.{name}")
    return found
