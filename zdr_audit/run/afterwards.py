"""What plain pytest does after a run as `zdr-audit run` does: have the attestation stamped, attest keyless, hold the report against an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType

from zdr_audit.attest import manifest
from zdr_audit.attest.errors import AttestError
from zdr_audit.compare.difference import compare
from zdr_audit.compare.load import CompareError, load_report
from zdr_audit.compare.text import as_text
from zdr_audit.report.model import Report

if TYPE_CHECKING:
    from zdr_audit.attest.keyless import Signing


@dataclass(frozen=True)
class Afterwards:
    """What was asked for, checked and read before anything is sent: the earlier report may lie where the new one is written."""

    timestamp: str | None = None
    baseline: Report | None = None
    signing: Signing | None = None

    @classmethod
    def asked(
        cls,
        timestamp: str | None,
        baseline: str | None,
        *,
        attested: bool,
        sigstore: tuple[bool, str | None, str | None] = (False, None, None),
    ) -> Afterwards:
        """`sigstore`: whether to attest keyless, the deployment's file, the variable with the token. Raises ValueError for what cannot be done."""
        keyless, config, variable = sigstore
        try:
            if timestamp:
                from zdr_audit.attest.authority import check_url

                check_url(timestamp)
                if not attested:
                    raise ValueError("--timestamp needs --attest-key: what is stamped is the attestation")
            signing = None
            if keyless:
                from zdr_audit.attest.keyless import Signing

                signing = Signing.asked(Path(config) if config else None, variable)
            return cls(timestamp or None, load_report(Path(baseline)) if baseline else None, signing)
        except (AttestError, CompareError) as exc:
            raise ValueError(str(exc)) from None

    def stamped(self, folder: Path) -> str:
        """Have the pack's attestation stamped; what came of it, in a line (empty: not asked for). A failure costs nothing else."""
        if not self.timestamp:
            return ""
        from zdr_audit.attest.authority import stamp
        from zdr_audit.attest.timestamp import TimestampError

        try:
            at = stamp(folder, self.timestamp)
        except (TimestampError, AttestError, OSError) as exc:
            return f"No timestamp from {self.timestamp}: {exc}; to ask again: zdr-audit report {folder} --timestamp URL"
        return f"Timestamp: {folder / manifest.TIMESTAMP} ({at:%Y-%m-%d %H:%M:%S} UTC)"

    def signed(self, report: Report, folder: Path) -> str:
        """Attest the pack keyless; what came of it, in a line (empty: not asked for). A failure costs nothing else."""
        signing = self.signing
        if signing is None:
            return ""
        from zdr_audit.attest.keyless import attest, outcome

        return outcome(lambda: attest(report, folder, signing), folder)[1]

    def compared(self, report: Report) -> tuple[RenderableType | None, bool]:
        """What differs from the baseline (None: there is none), and whether anything is worse."""
        if self.baseline is None:
            return None, False
        difference = compare(self.baseline, report)
        return as_text(difference), difference.worse
