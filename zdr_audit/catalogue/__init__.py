"""The control catalogue: policy statements, controls and framework mappings as data, and how to read, select and tabulate them."""

from __future__ import annotations

from zdr_audit.catalogue.coverage import coverage_table, orphans
from zdr_audit.catalogue.errors import CatalogueError, SelectionError
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.model import Catalogue, Clause, Control, Evidence, Family, Framework, Method, PolicyStatement, Severity
from zdr_audit.catalogue.select import select

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Clause",
    "Control",
    "Evidence",
    "Family",
    "Framework",
    "Method",
    "PolicyStatement",
    "SelectionError",
    "Severity",
    "coverage_table",
    "load_catalogue",
    "orphans",
    "select",
]
