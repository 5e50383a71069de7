"""The command line: run, simulate, controls, violations, init. Exit status 0 compliant, 1 non-compliant, 2 bad profile or usage, 3 incomplete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.table import Table

from zdr_audit import __version__, resources
from zdr_audit.catalogue.errors import CatalogueError, SelectionError
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.cli_keyless import SIGN, signing, with_options
from zdr_audit.run.options import DEFAULT_REPORT_DIR, DEPTHS
from zdr_audit.violations import ViolationError, check_names

EXIT_USAGE = 2
_NO_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())  # older versions of click print the help themselves


def _fail(message: str) -> None:
    click.echo(f"zdr-audit: {message}", err=True)
    sys.exit(EXIT_USAGE)


class _Brief(click.ClickException):
    """Bad usage, said in one line: what is wrong and where to look."""

    exit_code = EXIT_USAGE

    def __init__(self, error: click.UsageError) -> None:
        hint = f" See '{error.ctx.command_path} --help'." if error.ctx else ""
        super().__init__(" ".join(error.format_message().split()) + hint)

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"zdr-audit: {self.message}", file=file, err=file is None)


class _Commands(click.Group):
    """Says in one line what click says in four, and loads the simulator only where it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "simulate"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "simulate":
            return super().get_command(ctx, cmd_name)
        from zdr_audit.simulator.__main__ import serve

        return serve

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **more)
        except click.UsageError as exc:
            raise (exc if isinstance(exc, _NO_ARGUMENTS) else _Brief(exc)) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as exc:
            raise _Brief(exc) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="zdr-audit")
def main() -> None:
    """Measure whether an LLM backend keeps its zero-data-retention (ZDR) promise.

    Start with the shipped reference backend:

    \b
        zdr-audit run --target simulator

    Then describe your own (zdr-audit init my-target.toml) and run against it:

    \b
        zdr-audit run --target my-target.toml --report-dir reports/out/mine

    Exit status: 0 compliant, 1 non-compliant, 2 bad profile or usage, 3 incomplete (something could
    not be decided; never the same as compliant).
    """


@main.command()
@click.option("--target", metavar="NAME|FILE", help="Target profile: 'simulator' (shipped), or a TOML file (see 'zdr-audit init').")
@click.option(
    "--base-url",
    multiple=True,
    metavar="URL",
    help="Where the target is. Replaces the profile's address and starts nothing. Repeated: its nodes.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_REPORT_DIR,
    show_default=True,
    help="Folder for the run journal and the reports. Those of an earlier run are replaced, but not the record of one that broke off and left things there.",
)
@click.option(
    "--controls", multiple=True, metavar="GLOB", help="Only these controls, e.g. 'ZDR-RET-*' or 'ZDR-RET-01,ZDR-AUD-*'. May be repeated."
)
@click.option("--depth", type=click.Choice(DEPTHS), default="standard", show_default=True, help="How many stimuli of each kind.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the generated request shapes. Canaries are new in every run.")
@click.option(
    "--attest-key",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="ZDR_AUDIT_ATTEST_KEY",
    help="Attest the run with this Ed25519 private key ('zdr-audit keygen' makes one).",
    show_envvar=True,
)
@click.option(
    "--timestamp",
    metavar="URL",
    help="Have the attestation stamped by this time-stamp authority (RFC 3161); only its digest is sent. The exit status stands where it gives none: "
    "'zdr-audit report RUN --timestamp URL' asks again.",
)
@with_options(SIGN)
@click.option(
    "--waivers",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of accepted failures: control or finding, owner, reason, expires.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, exists=True),
    help="Report folder of an earlier run: say what differs; a run that is compliant exits 1 where anything is worse.",
)
@click.option(
    "--minimise/--no-minimise",
    default=True,
    help="Where something leaked, look for the smallest request that leaks (at most 40 more requests). Default: do.",
)
@click.option(
    "--violation",
    multiple=True,
    metavar="ID",
    help="Seed a violation in the launched simulator, to see the audit find it ('zdr-audit violations').",
)
@click.option(
    "--variant",
    multiple=True,
    metavar="ID",
    help="Let the launched simulator differ in a way that breaks no promise, to see the audit stay green ('zdr-audit violations --benign').",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="RUN",
    help="Go on with the run in this report folder, which was broken off; its own options hold, but for --target and --base-url, which you say again.",
)
@click.option("--give-up", is_flag=True, help="With --resume: only remove what the run made in the target, and end it as incomplete.")
@click.option("--dry-run", is_flag=True, help="Send nothing: say what the run would send ('zdr-audit plan').")
@click.pass_context
def run(
    ctx: click.Context,
    target: str | None,
    base_url: tuple[str, ...],
    report_dir: Path,
    controls: tuple[str, ...],
    depth: str,
    seed: int,
    attest_key: Path | None,
    timestamp: str | None,
    sigstore: bool,
    sigstore_config: Path | None,
    sigstore_token_env: str | None,
    waivers: Path | None,
    baseline: Path | None,
    minimise: bool,
    violation: tuple[str, ...],
    variant: tuple[str, ...],
    resume: Path | None,
    give_up: bool,
    dry_run: bool,
) -> None:
    """Audit a target and write the compliance report.

    \b
    Examples:
      zdr-audit run --target simulator
      zdr-audit run --target simulator --violation ret-plain-prompt-in-debug-log
      zdr-audit run --target my-target.toml --base-url https://staging.example --controls 'ZDR-BLK-*'
      zdr-audit run --resume zdr-audit-report --target my-target.toml
      zdr-audit run --resume zdr-audit-report --target my-target.toml --give-up
    """
    from zdr_audit.cli_pack import against_baseline, attested_keyless, baseline_report, pack_arguments, timestamped
    from zdr_audit.cli_plan import check_controls, show_plan
    from zdr_audit.run.cli_run import run_suites

    if resume is not None:
        from zdr_audit.cli_resume import resumed

        first = resumed(ctx, resume)
        target, base_url, report_dir, controls, depth, seed = (
            first[k] for k in ("target", "base_url", "report_dir", "controls", "depth", "seed")
        )
        attest_key, timestamp, waivers, baseline, violation = (
            first[k] for k in ("attest_key", "timestamp", "waivers", "baseline", "violation")
        )
        sigstore, sigstore_config, sigstore_token_env = (first[k] for k in ("sigstore", "sigstore_config", "sigstore_token_env"))
    elif give_up:
        raise click.UsageError("--give-up goes with --resume RUN.", ctx)
    if target is None:
        raise click.UsageError("Missing option '--target'.", ctx)
    for word, given in (("--violation", violation), ("--variant", variant)):
        if given and base_url:
            _fail(
                f"{word} goes with the simulator that this command starts; with --base-url start it yourself: zdr-audit simulate {word} ID"
            )
    try:
        check_names(violation, variant)
    except ViolationError as exc:
        _fail(str(exc))
    arguments = ["--target", target, "--report-dir", str(report_dir), "--depth", depth, "--seed", str(seed)]
    for url in base_url:
        arguments += ["--base-url", url]
    arguments += pack_arguments(attest_key, waivers, timestamp)
    arguments += [] if minimise else ["--no-minimise"]
    for pattern in controls:
        arguments += ["--controls", pattern]
    for item in violation:
        arguments += ["--violation", item]
    for item in variant:
        arguments += ["--variant", item]
    arguments += ["--resume"] if resume else []
    arguments += ["--give-up"] if give_up else []
    check_controls(controls)
    keyless = None if dry_run else signing(sigstore, sigstore_config, sigstore_token_env)
    earlier = baseline_report(baseline)
    if dry_run:
        show_plan(arguments)
    status = run_suites(arguments, report_dir)
    if status != EXIT_USAGE:
        if timestamp:
            timestamped(timestamp, report_dir)
        if keyless:
            attested_keyless(keyless, report_dir)
    sys.exit(against_baseline(status, earlier, report_dir))


@main.command()
@click.option("--family", metavar="FAMILY", help="Only one family: RET, EXC, SCP, BLK, ENB, AUD, ADM or CON.")
@click.option("--coverage", is_flag=True, help="Print the table of policy sentences, controls, tests and violations, as Markdown.")
@click.argument("control_id", required=False)
def controls(control_id: str | None, family: str | None, coverage: bool) -> None:
    """List the control catalogue, or show one control whole.

    \b
    Examples:
      zdr-audit controls
      zdr-audit controls ZDR-RET-03
    """
    if coverage:
        from zdr_audit.run.coverage import table as coverage_table

        click.echo(coverage_table(), nl=False)
        return
    try:
        catalogue = load_catalogue()
        chosen = select(catalogue, (control_id,)) if control_id else catalogue.controls
    except (CatalogueError, SelectionError) as exc:
        _fail(str(exc))
        return
    console = Console(highlight=False)
    if control_id and len(chosen) == 1:
        item = chosen[0]
        console.print(f"[bold]{item.id}[/] {item.title}", f"\n{item.statement}\n", markup=True)
        for name, value in (
            ("Severity", item.severity.value),
            ("Method", item.method.value),
            ("Policy", ", ".join(item.policy)),
            ("Evidence", ", ".join(item.evidence)),
            ("Minimum accepted", str(item.minimum_accepted)),
            ("Requires", ", ".join(item.requires) or "nothing"),
            ("Supports", "; ".join(f"{k}: {', '.join(v)}" for k, v in catalogue.clauses_of(item.id).items()) or "no framework clause"),
            ("When it fails", item.remediation),
        ):
            console.print(f"  {name}: {value}", markup=False)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("Control", "Severity", "Title"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "Title")
    for item in chosen:
        if family is None or item.family.value == family.upper():
            table.add_row(item.id, item.severity.value, item.title)
    if not table.row_count:
        _fail(f"--family {family}: allowed are RET, EXC, SCP, BLK, ENB, AUD, ADM, CON")
    console.print(table)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("zdr-target.toml"))
@click.option("--force", is_flag=True, help="Overwrite the file.")
def init(file: Path, force: bool) -> None:
    """Write a starter target profile to FILE (default: zdr-target.toml), with the usual sections explained."""
    starter = (resources.fixtures() / "targets" / "starter.toml.txt").read_text(encoding="utf-8")
    if file.exists() and not force:
        _fail(f"{file} exists; --force overwrites it")
    try:
        file.write_text(starter, encoding="utf-8")
    except OSError as exc:
        _fail(f"{file}: cannot be written: {exc.strerror}")
    click.echo(f"Wrote {file}. Edit it, set the credentials it names in the environment, then: zdr-audit doctor --target {file}")


def _mount_pack() -> None:
    from zdr_audit.cli_doctor import doctor_command
    from zdr_audit.cli_pack import COMMANDS
    from zdr_audit.cli_plan import plan_command
    from zdr_audit.cli_rescan import rescan_command
    from zdr_audit.cli_violations import violations_command

    for command in (*COMMANDS, doctor_command, plan_command, rescan_command, violations_command):
        main.add_command(command)


_mount_pack()
