"""Puts a mutant into a process: into the functions that are there already, or, for what runs on import, into a fresh import."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from bench.mutation.rooms import ROOT


def live_functions(files: Iterable[str]) -> dict[str, list[FunctionType]]:
    """Every function object in this process whose code comes from one of the files."""
    wanted = {str(ROOT / file): file for file in files}
    found: dict[str, list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in wanted:
            found[wanted[thing.__code__.co_filename]].append(thing)
    return found


def exchange(functions: list[FunctionType], path: str, before: str, after: str) -> bool:
    """Gives the functions the code of the changed text. False where no function could take it."""
    pairs = dict(_changed(_compiled(before, path), _compiled(after, path)))
    done = False
    for function in functions:
        new = pairs.get(function.__code__)
        if new is not None:
            try:
                function.__code__ = new
            except ValueError:  # another number of free variables
                return False
            done = True
    return done


def _compiled(text: str, path: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return compile(text, path, "exec", dont_inherit=True)


def _changed(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    old = [one for one in before.co_consts if isinstance(one, CodeType)]
    new = [one for one in after.co_consts if isinstance(one, CodeType)]
    for one, other in zip(old, new, strict=False):
        if one != other:
            yield one, other
            yield from _changed(one, other)


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module from changed text."""

    def __init__(self, file: str, text: str) -> None:
        parts = Path(file).with_suffix("").parts
        self._module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        super().__init__(self._module, str(ROOT / file))
        self._changed_text = text

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of that module alone."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """The changed code, past every cache."""
        return _compiled(self._changed_text, self.path)


def forget(keep: str = "bench") -> None:
    """Drops every module of the repository, so that it is imported anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        own = file.startswith(str(ROOT)) and ".venv" not in file and "site-packages" not in file
        if own and name.partition(".")[0] != keep and name != "__main__":
            del sys.modules[name]
