"""Cases drawn ahead, in a process of its own: drawing them is seconds of computing, while the run mostly waits for the target's answers.

A process that fails or is late changes nothing but the time: what it did not draw is drawn where it is needed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import threading
from typing import Any

from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation

from zdr_audit.suite.contract.generator import Generator
from zdr_audit.suite.contract.volumes import draw

LONGEST_SECONDS = 120
FEW = 5
"""Operations whose cases are drawn sooner than a process starts (those that a plan makes up, say)."""
# All that the process needs to start: what else the environment holds, credentials too, is not for it.
_PASSED_ON = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "HYPOTHESIS_STORAGE_DIRECTORY",
)


def draw_ahead(document: Any, depth: str, run_seed: int) -> None:
    """Begin to draw what `fuzz` will send for this document; `Generator.of` the same document has it when it is asked for."""
    generator = Generator.of(document)
    if len(generator.operations) <= FEW or generator.knows_something:
        return
    process = subprocess.Popen(  # noqa: S603 - this very module
        [sys.executable, "-c", f"from {__name__} import main; main()"],  # not -m: what it packs must name this module
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name in _PASSED_ON},
    )
    generator.expect(_Drawing(process, json.dumps({"document": document, "depth": depth, "seed": run_seed}).encode(), generator))


class _Drawing:
    """The process at work. Calling it waits for the process and gives what it drew."""

    def __init__(self, process: subprocess.Popen[bytes], order: bytes, generator: Generator) -> None:
        self._process, self._order, self._generator = process, order, generator
        self._told = b""
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        try:
            self._told, _ = self._process.communicate(self._order, LONGEST_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def __call__(self) -> dict[tuple[object, ...], list[Any]]:
        self._thread.join()
        if self._process.returncode != 0:
            return {}
        return unpacked(self._told, self._generator)


class _Packer(pickle.Pickler):
    """Operations go by their label: whoever unpacks has the same document."""

    def persistent_id(self, obj: Any) -> str | None:
        return obj.label if isinstance(obj, APIOperation) else None

    def reducer_override(self, obj: Any) -> Any:
        return (_restored, (_state(obj),)) if isinstance(obj, Case) else NotImplemented


class _Unpacker(pickle.Unpickler):
    def __init__(self, told: bytes, generator: Generator) -> None:
        super().__init__(io.BytesIO(told))
        self._operations = {operation.label: operation for operation in generator.operations}

    def persistent_load(self, pid: str) -> Any:
        return self._operations[pid]


def _state(case: Case[Any]) -> dict[str, Any]:
    names = (name for kind in type(case).__mro__ for name in getattr(kind, "__slots__", ()))
    return {name: getattr(case, name) for name in names if hasattr(case, name)} | getattr(case, "__dict__", {})


def _restored(state: dict[str, Any]) -> Case[Any]:
    """As it was, without the checks that a case makes of every change to it."""
    case = object.__new__(Case)
    for name, value in state.items():
        object.__setattr__(case, name, value)
    return case


def packed(generator: Generator) -> bytes:
    """All that the generator has drawn."""
    target = io.BytesIO()
    _Packer(target).dump(generator.drawn)
    return target.getvalue()


def unpacked(told: bytes, generator: Generator) -> dict[tuple[object, ...], list[Any]]:
    """What another generator of the same document drew; nothing where that cannot be read."""
    with contextlib.suppress(Exception):
        found: dict[tuple[object, ...], list[Any]] = _Unpacker(told, generator).load()
        return found
    return {}


def drawn(order: bytes) -> bytes:
    """What an order (a document, a depth and a seed, in JSON) asks for, packed."""
    asked = json.loads(order)
    generator = Generator(asked["document"])
    for operation in generator.operations:
        draw(generator, operation, asked["depth"], asked["seed"])
    return packed(generator)


def main() -> None:
    """An order on standard input, what was drawn on standard output."""
    sys.stdout.buffer.write(drawn(sys.stdin.buffer.read()))
