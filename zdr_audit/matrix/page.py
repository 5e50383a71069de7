"""`kill-matrix.html`: one self-contained page that needs no network and no script."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from zdr_audit import resources
from zdr_audit.matrix.model import Attempt, Matrix
from zdr_audit.report.sanitize import visible

LONGEST = 600
FAMILIES = {"RET": "Retention", "EXC": "Exceptions", "SCP": "Scope", "BLK": "Blocked features"} | {
    "ENB": "Enablement",
    "AUD": "Audit log",
    "ADM": "Administration",
    "CON": "Contract",
}
MARKS = {"K": "killed", "M": "missed", "C": "collateral", "r": "related"}


def mark(row: Attempt, control: str) -> str:
    """The letter of a cell: what the control said of the violation. Empty where it rightly said nothing."""
    if control in row.missed:
        return "M"
    if control in row.controls:
        return "K"
    return "C" if control in row.collateral else "r" if control in row.related else ""


def family(control: str) -> str:
    return control.split("-")[1] if control.count("-") > 1 else ""


def render(matrix: Matrix) -> str:
    """The matrix as one HTML document. Deterministic; every text is escaped and cut."""
    families: dict[str, list[str]] = {}
    for control in matrix.controls:
        families.setdefault(family(control.id), []).append(control.id)
    return (
        _environment()
        .get_template("kill-matrix.html.j2")
        .render(
            matrix=matrix,
            families=families,
            family_names=FAMILIES,
            titles={control.id: control.title for control in matrix.controls},
            marks=MARKS,
            mark=mark,
            killed=sum(row.killed for row in matrix.violations),
            collateral=sum(bool(row.collateral) for row in matrix.violations),
            green=sum(row.green for row in matrix.benign),
            audits=matrix.audits,
            proven=len(matrix.controls) - len(matrix.unproven),
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(resources.templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value, LONGEST) if type(value) is str else value,
    )
