"""Which values of a package can be changed after they were made."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path


def changeable(package: str) -> set[str]:
    """The dataclasses of the package's modules that are not frozen, as `module.Name`: by their text, since some need what is not installed everywhere."""
    (folder,) = importlib.import_module(package).__path__
    return {
        f"{file.stem}.{node.name}"
        for file in Path(folder).glob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and any(_made(one) and not _frozen(one) for one in node.decorator_list)
    }


def _made(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).partition("(")[0] == "dataclass"


def _frozen(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and any(one.arg == "frozen" and ast.unparse(one.value) == "True" for one in decorator.keywords)
