"""The command `plan`, which is `run --dry-run`: what a run would send."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

from zdr_audit.run.options import DEPTHS

if TYPE_CHECKING:
    from zdr_audit.run.plan import Plan

EXIT_USAGE = 2


@click.command("plan")
@click.option("--target", required=True, metavar="NAME|FILE", help="The profile of the target.")
@click.option(
    "--base-url",
    multiple=True,
    metavar="URL",
    help="Where the target is. Replaces the profile's address. Repeated: its nodes.",
)
@click.option("--controls", multiple=True, metavar="GLOB", help="Only these controls. May be repeated.")
@click.option("--depth", type=click.Choice(DEPTHS), default="standard", show_default=True, help="How many stimuli of each kind.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the generated request shapes.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, step by step.")
def plan_command(target: str, base_url: tuple[str, ...], controls: tuple[str, ...], depth: str, seed: int, as_json: bool) -> None:
    """Say what a run would send, make and cost. Nothing is sent.

    The scenarios of the run itself are gone through twice, against answers made up from the profile; a
    number that depends on the target's answers is marked. Exit status: 0 planned, 2 bad profile or usage.

    \b
    Examples:
      zdr-audit plan --target my-target.toml
      zdr-audit plan --target my-target.toml --controls 'ZDR-RET-*' --json
    """
    check_controls(controls)
    arguments = ["--target", target, "--depth", depth, "--seed", str(seed)]
    for url in base_url:
        arguments += ["--base-url", url]
    for pattern in controls:
        arguments += ["--controls", pattern]
    show_plan(arguments, as_json=as_json)


def check_controls(patterns: tuple[str, ...]) -> None:
    """Ends the command with one line where these select nothing, or the catalogue cannot be read."""
    from zdr_audit.catalogue.errors import CatalogueError, SelectionError
    from zdr_audit.catalogue.load import load_catalogue
    from zdr_audit.catalogue.select import select

    try:
        if patterns:
            select(load_catalogue(), patterns)
    except (CatalogueError, SelectionError) as exc:
        click.echo(f"zdr-audit: {exc}", err=True)
        sys.exit(EXIT_USAGE)


def show_plan(arguments: list[str], *, as_json: bool = False) -> NoReturn:
    """Plan with the options of a run, print it, and end the command."""
    from zdr_audit.run.cli_run import plan_suites
    from zdr_audit.run.plan_text import show

    found: Plan | str = plan_suites(arguments)
    if isinstance(found, str):
        click.echo(f"zdr-audit: {found}", err=True)
        sys.exit(EXIT_USAGE)
    if as_json:
        click.echo(found.model_dump_json(by_alias=True, indent=2))
    else:
        show(found, Console(highlight=False))
    sys.exit(0)
