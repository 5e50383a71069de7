"""A plan on the terminal: every request by scenario, totals by operation, what is made and changed, the cost."""

from __future__ import annotations

from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zdr_audit.report.sanitize import visible
from zdr_audit.run.plan import Plan, Requests


def show(plan: Plan, console: Console) -> None:
    """Print all of it; the last line says that nothing was sent."""
    console.print(_requests(plan), soft_wrap=True)
    console.print(_totals(plan))
    if plan.made:
        console.print(_made(plan))
    known = {item.operation for item in plan.made} | {item.removal for item in plan.made}
    changes = [f"{_number(c.count, c.depends)} {c.operation}" for c in plan.changes if c.operation not in known]
    lines = [f"Changed and not undone, in the organizations named above: {', '.join(changes)}"] if changes else []
    for line in (*lines, *_lines(plan)):
        console.print(Text(visible(line, 1_000)))


def _number(count: int, depends: bool) -> str:
    return f"{count}*" if depends else str(count)


def _requests(plan: Plan) -> Text:
    lines = Text("Requests\n", "bold")

    def by_scenario(row: Requests) -> str:
        return row.scenario

    for scenario, rows in groupby(sorted(plan.requests, key=by_scenario), by_scenario):
        lines.append(f"{visible(scenario, 120)}\n", "bold")
        merged: dict[tuple[str, str, str, int], tuple[int, bool]] = {}
        for row in rows:
            key = (row.method, row.path, row.actor or row.organization, row.canaries)
            count, depends = merged.get(key, (0, False))
            merged[key] = (count + row.count, depends or row.depends)
        for (method, path, who, canaries), (count, depends) in merged.items():
            carried = f", {canaries} canar{'y' if canaries == 1 else 'ies'} each" if canaries else ""
            lines.append(f"{_number(count, depends):>6}  {method:<6} {visible(path, 300)} as {visible(who, 80)}{carried}\n", "not bold")
    return lines


def _totals(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, padding=(0, 1, 0, 0), pad_edge=False, title="By operation", title_justify="left")
    table.add_column("Operation", footer="All", overflow="fold")
    table.add_column("Method")
    table.add_column("Count", footer=str(plan.sent), justify="right")
    for item in plan.totals:
        table.add_row(item.operation or "(none)", item.method, _number(item.count, item.depends))
    return table


def _made(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title="Made in the target", title_justify="left")
    for heading in ("What", "Count", "Afterwards"):
        table.add_column(heading, justify="right" if heading == "Count" else "left", overflow="fold")
    for item in plan.made:
        after = (
            f"stays: {item.kept}"
            if item.kept
            else item.removal
            if item.removal == "went with its organization"
            else f"removed by {item.removal}"
        )
        table.add_row(f"{item.kind} ({item.operation})", str(item.count), Text(visible(after or "", 200)))
    return table


def _lines(plan: Plan) -> list[str]:
    cost = plan.cost
    lines = [
        f"Inference: {cost.requests} requests, about {cost.input_tokens:,} tokens in, at most {cost.answer_tokens:,} out"
        + (
            f"; {cost.amount:.2f} {cost.currency} for what is sent, at most {cost.at_most:.2f} with answers"
            if cost.amount is not None and cost.at_most is not None
            else " (the profile gives no prices)"
        ),
        f"Controls: {plan.tested} are tested, {len(plan.not_tested)} are not (zdr-audit doctor says why)",
        f"At least {plan.seconds:g} s by the limits of the profile; a request that is put off is sent again up to {plan.retries} times",
        "* depends on the target: fewer where something is refused or empty, more where lists or the interface document are longer, where"
        " sources grow for other reasons, or where a log is late",
    ]
    lines += [f"Cannot be rehearsed to its end: {name}: {reason}" for name, reason in plan.broken.items()]
    lines += [plan.budget] if plan.budget else []
    if plan.programs:
        lines.append(f"Run on this machine: {', '.join(f'{program} ({key})' for key, program in plan.programs.items())}")
    lines.append(f"Nothing was sent to {', '.join(plan.base_urls)}. A plan is no audit and gives no verdict.")
    return lines
