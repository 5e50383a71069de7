"""Which values of a package can be changed after they were made."""

from __future__ import annotations

import ast
import importlib
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType


def changeable(package: str) -> set[str]:
    """The dataclasses of the package's modules that are not frozen, as `module.Name`; by the text of a module that needs what is not installed here."""
    (folder,) = importlib.import_module(package).__path__
    return {f"{file.stem}.{name}" for file in Path(folder).glob("*.py") for name in _of(package, file)}


def _of(package: str, file: Path) -> set[str]:
    try:
        return _by_import(importlib.import_module(f"{package}.{file.stem}"))
    except ModuleNotFoundError:
        return _by_text(file)


def _by_import(module: ModuleType) -> set[str]:
    made = {
        name: one for name, one in vars(module).items() if isinstance(one, type) and is_dataclass(one) and one.__module__ == module.__name__
    }
    return {name for name, one in made.items() if not one.__dataclass_params__.frozen}  # type: ignore[attr-defined]


def _by_text(file: Path) -> set[str]:
    classes = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    made = {node.name: ast.unparse(one) for node in classes for one in node.decorator_list}
    return {name for name, said in made.items() if said.partition("(")[0] == "dataclass" and "frozen=True" not in said}
