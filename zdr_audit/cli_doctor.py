"""The command `doctor`: checks a profile against its target without sending a stimulus."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from zdr_audit.run.doctor import Diagnosis

EXIT_USAGE = 2
STYLES = {"ok": "green", "note": "cyan", "missing": "yellow", "unusable": "bold red"}


@click.command("doctor")
@click.option("--target", required=True, metavar="NAME|FILE", help="The profile to check.")
@click.option(
    "--base-url",
    multiple=True,
    metavar="URL",
    help="Where the target is. Replaces the profile's address and starts nothing. Repeated: its nodes.",
)
@click.option("--controls", multiple=True, metavar="GLOB", help="Only these controls. May be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor_command(target: str, base_url: tuple[str, ...], controls: tuple[str, ...], as_json: bool) -> None:
    """Check a profile against its target, without a stimulus.

    Looks at addresses, TLS, clocks, each credential (by an operation that changes nothing), the ZDR status
    of both organizations and each evidence source, and says which controls will be tested, which cannot
    be, and what to ask the target's owner for. Sends no content. Exit status: 0 all well, 2 bad profile or
    usage, or no run makes sense, 3 a run would be incomplete.

    \b
    Examples:
      zdr-audit doctor --target simulator
      zdr-audit doctor --target my-target.toml --json
    """
    from zdr_audit.catalogue.errors import CatalogueError, SelectionError
    from zdr_audit.catalogue.load import load_catalogue
    from zdr_audit.catalogue.select import select
    from zdr_audit.profile.load import ProfileError
    from zdr_audit.run.doctor import diagnose
    from zdr_audit.run.launch import LaunchError
    from zdr_audit.run.options import Options, addresses
    from zdr_audit.run.progress import reporter

    try:
        catalogue = load_catalogue()
        selected = select(catalogue, controls) if controls else catalogue.controls
        live = reporter(Console(stderr=True))
        with live:
            first, nodes = addresses(base_url)
            found = diagnose(Options(target=target, base_url=first, nodes=nodes, controls=controls), catalogue, selected, live)
    except (CatalogueError, SelectionError, ProfileError, LaunchError, OSError) as exc:
        _fail(str(exc))
    if as_json:
        click.echo(found.model_dump_json(by_alias=True, indent=2))
    else:
        _show(found, Console(highlight=False))
    sys.exit(found.exit_status)


def _fail(message: str) -> NoReturn:
    click.echo(f"zdr-audit: {message}", err=True)
    sys.exit(EXIT_USAGE)


def _show(found: Diagnosis, console: Console) -> None:
    from zdr_audit.report.sanitize import visible
    from zdr_audit.report.view import compact_ids

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("State", "About", "Which", "What was found"):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("State", "About"))
    for check in found.checks:
        table.add_row(Text(check.state, STYLES[check.state]), check.about, Text(visible(check.name, 120)), Text(visible(check.said, 300)))
    console.print(table)
    console.print(
        f"Controls: {len(found.tested)} will be tested, {len(found.not_tested)} cannot be, {len(found.not_applicable)} do not apply"
    )
    for heading, group in (("Not tested", found.not_tested), ("Not applicable", found.not_applicable)):
        reasons: dict[str, list[str]] = {}
        for control, reason in group.items():
            reasons.setdefault(reason, []).append(control)
        for reason, ids in reasons.items():
            console.print(Text(f"  {heading}: {compact_ids(ids)}: {visible(reason, 300)}"))
    if found.asks:
        console.print("Ask the owner of the target for")
        for ask in found.asks:
            console.print(Text(f"  - {visible(ask, 300)}"))
    words = {0: "ready to be audited", 2: "not to be audited like this", 3: "a run would be incomplete"}
    console.print(Text(f"{visible(found.target, 80)}: {words[found.exit_status]} [exit status {found.exit_status}]"))
