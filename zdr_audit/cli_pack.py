"""Commands about finished runs: report, verify, diff, keygen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from click.core import ParameterSource
from rich.console import Console

from zdr_audit.attest import keys, manifest
from zdr_audit.attest.errors import AttestError
from zdr_audit.catalogue.errors import CatalogueError
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.cli_keyless import EXPECT, SIGN, attested, expected, signing, with_options
from zdr_audit.report.sanitize import visible

if TYPE_CHECKING:
    from zdr_audit.attest.keyless import Signing
    from zdr_audit.report.model import Report

EXIT_PROBLEMS, EXIT_USAGE = 1, 2


def _fail(message: str) -> NoReturn:
    click.echo(f"zdr-audit: {visible(message, lines=True)}", err=True)
    sys.exit(EXIT_USAGE)


def pack_arguments(attest_key: Path | None, waivers: Path | None, timestamp: str | None = None) -> list[str]:
    """What `zdr-audit run` hands on to the suites about its pack. Ends the command for what cannot be used, before anything is sent."""
    from zdr_audit.attest.authority import check_url
    from zdr_audit.waiver.load import WaiverError, load_waivers

    try:
        if attest_key:
            keys.load_private(attest_key)
        if waivers:
            load_waivers(waivers, [c.id for c in load_catalogue().controls])
        if timestamp:
            check_url(timestamp)
            if not attest_key:
                _fail("--timestamp needs --attest-key: what is stamped is the attestation")
    except (AttestError, WaiverError, CatalogueError) as exc:
        _fail(str(exc))
    options = {"--attest-key": attest_key, "--waivers": waivers}
    return [word for name, value in options.items() if value for word in (name, str(value))]


def timestamped(url: str, folder: Path) -> bool:
    """Have the pack's attestation stamped; whether that was done. A failure is said in one line and costs nothing else."""
    from zdr_audit.attest.authority import stamp
    from zdr_audit.attest.timestamp import TimestampError

    try:
        at = stamp(folder, url)
    except (TimestampError, AttestError, OSError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        click.echo(f"zdr-audit: no timestamp from {url}: {why}; to ask again: zdr-audit report {folder} --timestamp URL", err=True)
        return False
    click.echo(f"Timestamp: {folder / manifest.TIMESTAMP} ({at:%Y-%m-%d %H:%M:%S} UTC)")
    return True


def attested_keyless(how: Signing, folder: Path) -> bool:
    """Attest the pack of a run that came to its end keyless, as `attested` does."""
    return attested(how, _report(folder), folder)


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(manifest.FORMATS),
    help="Only this format. May be repeated; default: all but 'letter', the PDF on US Letter.",
)
@click.option("--report-dir", type=click.Path(path_type=Path, file_okay=False), help="Where to write. Default: beside the journal.")
@click.option(
    "--attest-key",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=keys.KEY_VARIABLE,
    help="Ed25519 private key (PEM): attest the pack anew.",
)
@click.option("--timestamp", metavar="URL", help="Have the attestation stamped by this time-stamp authority (RFC 3161).")
@with_options(SIGN)
@click.pass_context
def report_command(
    ctx: click.Context,
    run: Path,
    formats: tuple[str, ...],
    report_dir: Path | None,
    attest_key: Path | None,
    timestamp: str | None,
    sigstore: bool,
    sigstore_config: Path | None,
    sigstore_token_env: str | None,
) -> None:
    """Make the reports of a finished run again, from its journal alone.

    RUN is a report folder or its journal.sqlite. The same journal gives the same bytes. Exit status: 0
    done, 1 all but the timestamp or the keyless attestation that was asked for, 2 bad usage.

    \b
    Examples:
      zdr-audit report zdr-audit-report
      zdr-audit report zdr-audit-report/journal.sqlite --format html --report-dir elsewhere
      zdr-audit report zdr-audit-report --format letter
      zdr-audit report zdr-audit-report --sigstore
    """
    from zdr_audit.attest import remake
    from zdr_audit.attest.authority import check_url
    from zdr_audit.attest.seal import seal
    from zdr_audit.journal.store import Journal

    keyless = signing(sigstore, sigstore_config, sigstore_token_env)
    try:
        journal = remake.journal_of(run)
        home = journal.parent.resolve()
        folder = report_dir or journal.parent
        sealing = folder.resolve() == home and journal.name == manifest.JOURNAL
        signer = keys.load_private(attest_key) if attest_key and sealing else None
        if timestamp:
            check_url(timestamp)
            if not sealing or (signer is None and not manifest.has_attestation(folder)):
                _fail("--timestamp needs an attestation beside the journal: --attest-key makes one")
        asked = {"--sigstore": keyless is not None, "--attest-key": ctx.get_parameter_source("attest_key") is ParameterSource.COMMANDLINE}
        for word in (word for word, given in asked.items() if given and not sealing):
            _fail(f"{word} attests a pack: leave out --report-dir, so that the reports lie beside the journal")
        if sealing and journal.with_name(f"{journal.name}-wal").exists():
            Journal(journal).close()  # folds the log of a killed run into the one file that the manifest covers
        report = remake.rejudge(journal, load_catalogue())
        files = remake.rendered(report, formats)
    except (AttestError, CatalogueError) as exc:
        _fail(str(exc))
    absent = [name for name in formats if name not in {remake.format_of(file) for file in files}]
    if absent:
        _fail(f"this installation cannot write {', '.join(absent)}: pip install 'zdr-audit[report]'")
    standing = signer is None and manifest.has_attestation(folder)
    standing_bundle = keyless is None and manifest.has_bundle(folder)
    if sealing and (standing or standing_bundle) and _changed(folder, files):
        again = "--attest-key" if standing else "--sigstore"
        _fail(f"{folder}: the reports would not be those that were attested; write elsewhere (--report-dir) or attest anew ({again})")
    try:
        kept = manifest.sealed_names(folder) if sealing else []
        remake.place(files, folder)
        if sealing and not standing and (signer is not None or not standing_bundle):
            names = {manifest.JOURNAL, *files, *kept}
            seal(report, folder, sorted(names), signer)
    except OSError as exc:
        _fail(f"{exc.filename or folder}: cannot be written: {exc.strerror}")
    for name in files:
        click.echo(folder / name)
    done = [timestamped(timestamp, folder)] if timestamp else []
    done += [attested(keyless, report, folder)] if keyless else []
    if not all(done):
        sys.exit(EXIT_PROBLEMS)


def _changed(folder: Path, files: dict[str, bytes]) -> bool:
    return any(not (folder / name).is_file() or (folder / name).read_bytes() != content for name, content in files.items())


@click.command("verify")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Public key (PEM) of whoever attested the run, got by another way than the pack.",
)
@click.option(
    "--tsa-cert",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Root certificate (PEM) of the time-stamp authority, got by another way than the pack.",
)
@with_options(EXPECT)
def verify_command(
    folder: Path, key: Path | None, tsa_cert: Path | None, identity: str | None, issuer: str | None, trusted_root: Path | None
) -> None:
    """Check a report folder, offline: digests, journal, verdicts, reports, attestation, timestamp.

    One line for each problem. Exit status: 0 nothing is wrong, 1 something is, 2 bad usage.

    \b
    Examples:
      zdr-audit verify zdr-audit-report --key their-key.pub.pem
      zdr-audit verify zdr-audit-report --key their-key.pub.pem --tsa-cert authority-root.pem
      zdr-audit verify zdr-audit-report --identity audit@example.org --issuer https://accounts.example.org
    """
    from zdr_audit.attest.timestamp import load_roots
    from zdr_audit.attest.verify import verify

    if key is None and manifest.has_attestation(folder):
        _fail(f"{folder} has an attestation: give the public key of whoever made it (--key FILE)")
    if tsa_cert is None and manifest.has_timestamp(folder):
        _fail(f"{folder} has a timestamp: give the root certificate of the authority that made it (--tsa-cert FILE)")
    signer = expected(folder, identity, issuer, trusted_root)
    try:
        roots = load_roots(tsa_cert) if tsa_cert else ()
        found = verify(folder, load_catalogue(), keys.load_public(key) if key else None, roots, signer)
    except (AttestError, CatalogueError) as exc:
        _fail(str(exc))
    for line in found.confirmed:
        click.echo(f"ok       {visible(line)}")
    for line in found.notes:
        click.echo(f"note     {visible(line)}")
    for line in found.problems:
        click.echo(f"problem  {visible(line)}")
    count = len(found.problems)
    click.echo(f"{folder}: {'nothing is wrong' if not count else f'{count} problem' + ('s' if count > 1 else '')}")
    sys.exit(EXIT_PROBLEMS if count else 0)


@click.command("keygen")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def keygen_command(folder: Path) -> None:
    """Make an Ed25519 key pair in DIR, for attesting reports. Existing files are never overwritten."""
    try:
        private, public = keys.make_pair(folder)
    except AttestError as exc:
        _fail(str(exc))
    click.echo(f"{private}: private; keep it, and give it to 'zdr-audit run --attest-key'")
    click.echo(f"{public}: public; hand it to whoever is to run 'zdr-audit verify --key', by another way than the reports")


@click.command("diff")
@click.argument("first", metavar="A", type=click.Path(path_type=Path, exists=True))
@click.argument("second", metavar="B", type=click.Path(path_type=Path, exists=True))
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write the difference as an HTML page, too.")
def diff_command(first: Path, second: Path, page: Path | None) -> None:
    """Compare two runs: what is new, fixed, changed, still there, and what is no longer looked at.

    A and B are report folders or report.json files, the older one first. Exit status: 0 nothing is
    worse in B, 1 something is, 2 bad usage.

    \b
    Example:
      zdr-audit diff reports/out/monday reports/out/tuesday --html diff.html
    """
    old, new = _report(first), _report(second)
    worse = _compared(old, new, page)
    sys.exit(EXIT_PROBLEMS if worse else 0)


def _report(path: Path) -> Report:
    from zdr_audit.compare.load import CompareError, load_report

    try:
        return load_report(path)
    except CompareError as exc:
        _fail(str(exc))


def _compared(old: Report, new: Report, page: Path | None = None) -> bool:
    from zdr_audit.compare import html
    from zdr_audit.compare.difference import compare
    from zdr_audit.compare.text import as_text

    difference = compare(old, new)
    Console(highlight=False).print(as_text(difference))
    if page:
        try:
            page.write_text(html.render(difference), encoding="utf-8")
        except OSError as exc:
            _fail(f"{page}: cannot be written: {exc.strerror}")
    return difference.worse


def baseline_report(path: Path | None) -> Report | None:
    """The baseline of a run, read before the run: its report folder may be the one that is written to. Ends the command where it is none."""
    return _report(path) if path else None


def against_baseline(status: int, baseline: Report | None, report_dir: Path) -> int:
    """Print what differs from the baseline, after a run that gave a report. The run's own exit status stands; a compliant run in which
    something got worse exits with 1."""
    if baseline is None or status == EXIT_USAGE:
        return status
    worse = _compared(baseline, _report(report_dir))
    return EXIT_PROBLEMS if worse and status == 0 else status


COMMANDS = (report_command, verify_command, diff_command, keygen_command)
