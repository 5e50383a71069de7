"""The mutants of a file: Cosmic Ray's operators, each at each place. Annotations are left out (the type checker's, as is the question whether it is
looking), and what does not compile."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from random import Random
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from bench.mutation.rooms import ROOT, Room, shares

TOOL = f"cosmic-ray {version('cosmic-ray')}"


@dataclass(frozen=True)
class Mutant:
    """One change of one file. `occurrence` counts the operator's places in the file, as Cosmic Ray does."""

    file: str
    operator: str
    occurrence: int
    line: int
    column: int
    in_function: bool
    statement: tuple[int, int]
    """First and last line of the statement, of a compound one up to this place: a line within may have no code of its own."""

    @property
    def family(self) -> str:
        """The operator without what it puts in place: `ReplaceBinaryOperator_Add_Sub` and `..._Add_Mul` are one family."""
        return self.operator.partition("_")[0]

    @property
    def site(self) -> tuple[str, int, int, str]:
        """The place in the code at which it is one of several alternatives."""
        return (self.file, self.line, self.column, self.family)

    @property
    def name(self) -> str:
        """What it is called in reports and on the command line."""
        return f"{self.file}:{self.line}:{self.column}:{self.operator}:{self.occurrence}"

    def source(self) -> str:
        """The whole file with the change."""
        return _mutated(_text(self.file), self.operator, self.occurrence) or ""

    def change(self) -> tuple[str, str]:
        """The line before and after, without indentation."""
        before, after = _text(self.file).splitlines(), self.source().splitlines()
        changed = next((n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), self.line - 1)
        return before[changed].strip(), after[changed].strip()


def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def _mutated(text: str, operator: str, occurrence: int) -> str | None:
    changed: str | None = mutate_code(text, get_operator(f"core/{operator}")(), occurrence)
    return changed


def _operators() -> Iterator[tuple[str, Any]]:
    for name in operator_names():
        provider, _, operator = name.partition("/")
        made = get_operator(name)
        if provider == "core" and operator != "NoOp" and not made.arguments():
            yield operator, made()


def mutants_of(file: str) -> list[Mutant]:
    """All mutants of a file, in the order of the text."""
    nodes = list(ast_nodes(get_ast(_text(file))))
    places = {id(node): _place(node) for node in nodes}
    found = []
    for name, operator in _operators():
        occurrence = -1
        for node in nodes:
            for (line, column), _ in operator.mutation_positions(node):
                occurrence += 1
                if (place := places[id(node)]) != "annotation":
                    found.append(Mutant(file, name, occurrence, line, column, place == "function", _statement(node)))
    return sorted(found, key=lambda one: (one.line, one.column, one.operator, one.occurrence))


def _compiles(mutant: Mutant) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            compile(mutant.source() or "(", "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, AttributeError):  # the last: Cosmic Ray cannot replace a dotted name among several exceptions
        return False
    return True


def _statement(node: Any) -> tuple[int, int]:
    part = node
    while part.parent is not None and part.parent.type not in ("suite", "file_input"):
        part = part.parent
    simple = part.type in ("simple_stmt", "expr_stmt", "return_stmt", "assert_stmt")
    return part.start_pos[0], part.end_pos[0] - (simple and part.end_pos[1] == 0) if simple else node.end_pos[0]


def _place(node: Any) -> str:
    """`annotation`, `function` (run when the function is called) or `module` (run on import: defaults, decorators, class bodies too)."""
    if node.type == "if_stmt" and node.children[1].get_code().strip() == "TYPE_CHECKING":
        return "annotation"
    place = "module"
    child, parent = node, node.parent
    while parent is not None:
        if parent.type == "parameters" and node.type == "operator" and child is node:
            return "annotation"  # the bare `*` or `/` of a signature is no operator
        if parent.type == "annassign" and child is parent.children[1]:
            return "annotation"
        if parent.type == "param" and _in_annotation(parent, child):
            return "annotation"
        if parent.type == "funcdef" and child is not parent.children[-1] and child is getattr(parent, "annotation", None):
            return "annotation"
        if parent.type == "funcdef" and child is parent.children[-1]:
            place = "function"
        if parent.type == "lambdef" and child is parent.children[-1]:
            place = "function"
        child, parent = parent, parent.parent
    return place


def _in_annotation(parameter: Any, child: Any) -> bool:
    return bool(child.type == "tfpdef" or (parameter.annotation is not None and child is parameter.annotation))


def chosen(room: Room, mutants: Iterable[Mutant], seed: int) -> list[Mutant]:
    """All mutants of a room, or one at each of so many random sites: of each module in proportion to its sites."""
    everything = list(mutants)
    if not room.sites:
        return [mutant for mutant in everything if _compiles(mutant)]
    sites: dict[str, dict[tuple[str, int, int, str], list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in everything:
        sites[mutant.file][mutant.site].append(mutant)
    picked = []
    for file, number in shares({file: len(of) for file, of in sites.items()}, room.sites).items():
        chance = Random(f"{seed}:{file}")
        for site in sorted(chance.sample(sorted(sites[file]), number)):
            alternatives = chance.sample(sites[file][site], len(sites[file][site]))
            picked += list(islice(filter(_compiles, alternatives), 1))
    return picked
