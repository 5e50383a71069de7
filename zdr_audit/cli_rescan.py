"""The command `rescan`: look again for the canaries of a finished run."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from zdr_audit.report.sanitize import visible


@click.command("rescan")
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--target", required=True, metavar="NAME|FILE", help="The profile of the run: it says where the evidence is.")
@click.option(
    "--evidence",
    multiple=True,
    metavar="FOLDER|SOURCE=PATH",
    help="What was handed over later: a folder with entries named by source id (log, database.db, ...), or one source's place. May be repeated.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("zdr-audit-rescan"),
    show_default=True,
    help="Folder for the new journal and reports; the run's own are not touched.",
)
def rescan_command(run: Path, target: str, evidence: tuple[str, ...], report_dir: Path) -> None:
    """Read the evidence again for the canaries of a finished run, and judge again. Nothing is sent.

    RUN is a report folder or its journal.sqlite. The journal keeps keyed digests of the canaries, so this works days later.

    \b
    Examples:
      zdr-audit rescan zdr-audit-report --target my-target.toml
      zdr-audit rescan zdr-audit-report --target my-target.toml --evidence ./export-of-monday
      zdr-audit rescan zdr-audit-report --target my-target.toml --evidence log=/mnt/archive/monday
    """
    from zdr_audit.attest.errors import AttestError
    from zdr_audit.journal.store import JournalError
    from zdr_audit.profile.load import ProfileError
    from zdr_audit.run.cli_run import run_suites
    from zdr_audit.run.progress import reporter
    from zdr_audit.run.rescan import rescan

    live = reporter(Console(stderr=True))
    try:
        with live:
            journal = rescan(run, target, report_dir, evidence, live)
    except (ProfileError, JournalError, AttestError, OSError) as exc:
        click.echo(f"zdr-audit: {visible(str(exc), lines=True)}", err=True)
        sys.exit(2)
    sys.exit(run_suites(["--target", target, "--report-dir", str(report_dir), "--journal", str(journal)], report_dir))
