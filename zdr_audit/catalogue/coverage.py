"""Who covers what: from each policy statement to controls, tests and violations, and what hangs in the air."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zdr_audit.catalogue.model import Catalogue, Control, Family, PolicyStatement

Links = Mapping[str, Sequence[str]]  # control id -> node ids of tests, or ids of violations


def coverage_table(catalogue: Catalogue, tests: Links, violations: Links) -> str:
    """The coverage of `catalogue` as a Markdown page that ends with a line break.

    `tests` maps control ids to the node ids of the suite tests that carry them, `violations` maps them to the ids of the seeded violations
    that must break them.
    """
    blocks = (
        _head(catalogue),
        _statements(catalogue, tests, violations),
        _families(catalogue, tests, violations),
        _list("Controls that no seeded violation breaks", _without(catalogue, violations)),
        _list("Controls that support no framework clause", [c.id for c in catalogue.controls if not catalogue.clauses_of(c.id)]),
        _list("Orphans", orphans(catalogue, tests, violations)),
    )
    return "\n\n".join(blocks) + "\n"


def orphans(catalogue: Catalogue, tests: Links, violations: Links) -> list[str]:
    """What is connected to nothing, a sentence each.

    That is: a checkable statement without control, a control without statement or test, a test or violation without control (which is to be
    listed under the empty control id). A control without violation is no orphan: `coverage_table` lists it apart.
    """
    known = {control.id for control in catalogue.controls}
    statements = {statement.id for statement in catalogue.statements}
    named = {key for control in catalogue.controls for key in control.policy}
    found = [f"statement {s.id} has no control" for s in catalogue.statements if s.checkable and s.id not in named]
    found += [f"control {c.id} has no statement" for c in catalogue.controls if not statements.intersection(c.policy)]
    found += [f"control {key} has no test" for key in _without(catalogue, tests)]
    for kind, links in (("test", tests), ("violation", violations)):
        for key in sorted(links):
            if key not in known:
                what = f"unknown control {key}" if key else "no control"
                found += [f"{kind} {item} names {what}" for item in links[key]]
    return found


def _head(catalogue: Catalogue) -> str:
    return (
        "# Coverage\n\n"
        "Generated from the catalogue, the suites and the violations; not to be edited.\n\n"
        f"Policy: {catalogue.source}. Edition: {catalogue.edition}. Catalogue: `{catalogue.digest[:12]}`."
    )


def _statements(catalogue: Catalogue, tests: Links, violations: Links) -> str:
    blocks = ["## From the policy to the tests"]
    for section in dict.fromkeys(statement.section for statement in catalogue.statements):
        rows = [
            row
            for statement in catalogue.statements
            if statement.section == section
            for row in _statement_rows(catalogue, statement, tests, violations)
        ]
        blocks.append(f"### {section}\n\n{_table(('Statement', 'Control', 'Tests', 'Violations'), rows)}")
    return "\n\n".join(blocks)


def _statement_rows(catalogue: Catalogue, statement: PolicyStatement, tests: Links, violations: Links) -> list[tuple[str, ...]]:
    """A row for each control of the statement; the statement itself stands in the first of them."""
    label = f"`{statement.id}` {statement.paraphrase}"
    if not statement.checkable:
        return [(label, f"not checkable: {statement.why_not}", "", "")]
    rows: list[tuple[str, ...]] = []
    for control in catalogue.controls:
        if statement.id in control.policy:
            cells = (f"{control.id} {control.title}", _codes(tests.get(control.id, ())), _codes(violations.get(control.id, ())))
            rows.append(("" if rows else label, *cells))
    return rows or [(label, "none", "none", "none")]


def _families(catalogue: Catalogue, tests: Links, violations: Links) -> str:
    rows = [_family_row(f"{f.value} {f.words}", [c for c in catalogue.controls if c.family is f], tests, violations) for f in Family]
    rows.append(_family_row("all", catalogue.controls, tests, violations))
    head = ("Family", "Controls", "with a test", "with a violation", "Tests", "Violations")
    return f"## Families\n\n{_table(head, rows)}"


def _family_row(label: str, controls: Sequence[Control], tests: Links, violations: Links) -> tuple[str, ...]:
    ids = [control.id for control in controls]
    counts = [len(ids), *(sum(1 for key in ids if links.get(key)) for links in (tests, violations))]
    counts += [len({item for key in ids for item in links.get(key, ())}) for links in (tests, violations)]
    return (label, *(str(count) for count in counts))


def _without(catalogue: Catalogue, links: Links) -> list[str]:
    return [control.id for control in catalogue.controls if not links.get(control.id)]


def _list(title: str, items: Sequence[str]) -> str:
    lines = "\n".join(f"- {item}" for item in items) or "none"
    return f"## {title}\n\n{lines}"


def _codes(items: Iterable[str]) -> str:
    return "<br>".join(f"`{item}`" for item in items) or "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
