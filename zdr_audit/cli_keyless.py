"""What `run`, `report` and `verify` have in common about keyless attestation: options, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from zdr_audit.attest import manifest
from zdr_audit.attest.errors import AttestError

if TYPE_CHECKING:
    from zdr_audit.attest.keyless import Expected, Signing
    from zdr_audit.report.model import Report

EXIT_USAGE = 2
_FILE = click.Path(path_type=Path, dir_okay=False)
SIGN = (
    click.option(
        "--sigstore",
        is_flag=True,
        help="Attest keyless, too: by Sigstore, under the identity of the surrounding CI system. Digests and verdicts reach its public log.",
    ),
    click.option(
        "--sigstore-config", type=_FILE, help="ClientTrustConfig (JSON) of a private Sigstore deployment. Default: the public service."
    ),
    click.option(
        "--sigstore-token-env", metavar="NAME", help="Environment variable that holds the identity token, where no CI system gives one."
    ),
)
EXPECT = (
    click.option("--identity", metavar="TEXT", help="Who must have attested keyless: an e-mail address, or the URL of a CI workflow."),
    click.option("--issuer", metavar="URL", help="Who must vouch for that identity: the URL of the identity provider."),
    click.option("--trusted-root", type=_FILE, help="Trusted root (JSON) of a private Sigstore deployment. Default: the public service."),
)


def with_options(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """Adds these options to a command, in their order."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _fail(message: str) -> NoReturn:
    click.echo(f"zdr-audit: {message}", err=True)
    sys.exit(EXIT_USAGE)


def signing(sigstore: bool, config: Path | None, variable: str | None) -> Signing | None:
    """How to attest keyless, where that is asked for. Ends the command for what cannot be, before anything is sent to the target."""
    if not sigstore:
        for word, value in (("--sigstore-config", config), ("--sigstore-token-env", variable)):
            if value:
                _fail(f"{word} goes with --sigstore")
        return None
    from zdr_audit.attest.keyless import Signing

    try:
        return Signing.asked(config, variable)
    except AttestError as exc:
        _fail(str(exc))


def attested(how: Signing, report: Report, folder: Path) -> bool:
    """Attest the pack keyless; whether that was done. A failure is said in one line and costs nothing else."""
    from zdr_audit.attest.keyless import attest, outcome

    done, line = outcome(lambda: attest(report, folder, how), folder)
    click.echo(line if done else f"zdr-audit: {line}", err=not done)
    return done


def expected(folder: Path, identity: str | None, issuer: str | None, root: Path | None) -> Expected | None:
    """Whom a verifier wants to see. Ends the command where only a part of it was said, or the pack needs it and it was not."""
    if identity and issuer:
        from zdr_audit.attest.keyless import Expected
        from zdr_audit.attest.trust import trusted_root

        try:
            return Expected(identity, issuer, trusted_root(root))
        except AttestError as exc:
            _fail(str(exc))
    if identity or issuer:
        _fail("--identity and --issuer go together: anybody can be given an identity by an issuer of his own")
    if root:
        _fail("--trusted-root goes with --identity and --issuer")
    if manifest.has_bundle(folder):
        _fail(f"{folder} has a keyless attestation: say whose it must be (--identity TEXT --issuer URL)")
    return None
