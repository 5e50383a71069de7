"""`zdr-audit run --resume RUN`: with what options the run goes on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource
from rich.console import Console

from zdr_audit.attest.manifest import JOURNAL, MANIFEST
from zdr_audit.cli_keyless import attested, signing
from zdr_audit.report.console import closing
from zdr_audit.report.model import EXIT_STATUS
from zdr_audit.report.sanitize import visible

if TYPE_CHECKING:
    from zdr_audit.attest.keyless import Signing

EXIT_USAGE = 2
SIGSTORE = ("sigstore", "sigstore_config", "sigstore_token_env")
REPLACEABLE = frozenset({"target", "base_url", "attest_key", "timestamp", *SIGSTORE, "baseline", "resume", "give_up"})
"""Options that may be given with --resume: where profile and target are now (the profile must be the same), and what happens after the run."""
NOT_FROM_THE_RUN = ("attest_key", "timestamp", *SIGSTORE)
"""What signs, and what is told to others: never by the word of a folder, which may come from anybody."""


def resumed(ctx: click.Context, run: Path) -> dict[str, Any]:
    """The options of the command that began the run, with those given now that may differ. Ends the command where the run cannot go on; where nothing but
    its reports is missing, with these."""
    from zdr_audit.run.resume import ResumeError, arguments, finished, read

    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if changed := sorted(given - REPLACEABLE):
        _fail(f"--resume goes on with the options that the run was begun with: leave out --{changed[0].replace('_', '-')}")
    try:
        history = read(run / JOURNAL)
        if finished(history):
            _conclude(run, ctx.params["attest_key"], signing(*(ctx.params[name] for name in SIGSTORE)))
        words = arguments(history.run)
    except ResumeError as exc:
        _fail(str(exc))
    first = ctx.command.make_context("run", words).params
    _name_the_target(run, first, given)
    return first | {name: ctx.params[name] for name in (*given, *NOT_FROM_THE_RUN)} | {"report_dir": run}


def _name_the_target(run: Path, first: dict[str, Any], given: set[str]) -> None:
    """Whose profile it is, which names credentials and programs, and where they are sent, is said by the user. Ends the command where it is not."""
    if "target" in given and ("base_url" in given or not first["base_url"]):
        return
    words = ["--target", str(first["target"]), *(word for url in first["base_url"] for word in ("--base-url", url))]
    _fail(f"--resume takes the target from you, not from {run}; the run was begun with: {shlex.join(words)}")


def _conclude(run: Path, attest_key: Path | None, keyless: Signing | None) -> NoReturn:
    """The run came to its end. Where it was killed before its reports were written, they are written now."""
    from zdr_audit.attest import keys
    from zdr_audit.attest.errors import AttestError
    from zdr_audit.attest.remake import place, rejudge, rendered
    from zdr_audit.attest.seal import seal
    from zdr_audit.catalogue.errors import CatalogueError
    from zdr_audit.catalogue.load import load_catalogue

    try:
        report = rejudge(run / JOURNAL, load_catalogue())
        written = run / "report.json"
        if written.is_file() and report.run.journal_digest in written.read_text(encoding="utf-8") and (run / MANIFEST).is_file():
            _fail(f"{run}: this run came to its end; to write its reports again: zdr-audit report {run}")
        files = rendered(report)
        place(files, run)
        seal(report, run, [JOURNAL, *files], keys.load_private(attest_key) if attest_key else None)
    except (AttestError, CatalogueError, OSError) as exc:
        _fail(str(exc))
    Console(highlight=False).print(closing(report))
    if keyless:
        attested(keyless, report, run)
    sys.exit(EXIT_STATUS[report.summary.status])


def _fail(message: str) -> NoReturn:
    click.echo(f"zdr-audit: {visible(message, lines=True)}", err=True)
    sys.exit(EXIT_USAGE)
