"""A name for a finding that is the same in the next run, although its canary, request, row and byte offset are others."""

from __future__ import annotations

import hashlib
import json
import re

from zdr_audit.report.model import Finding
from zdr_audit.report.sanitize import LIMIT

_IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}|(?<=_)[0-9A-Za-z]{12,}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{4,}")
_NUMBER = re.compile(r"\d+")


def fingerprint(control_id: str, finding: Finding) -> str:
    """SHA-256 in hex over control, source, object, forms and place, without what differs from run to run.

    Left out are the canary wherever it occurs, identifiers in paths and names, and for stored content the numbers of a place (rows,
    offsets) and long numbers in names (dates). So findings of one kind in one place share a fingerprint: it names the leak, not each trace.
    """
    location = _stable(finding.location, finding.canary)
    if finding.source != "answers":
        location = _NUMBER.sub("#", location)
    parts = [control_id, finding.source, kind_of_object(finding), [form[:LIMIT] for form in finding.forms[:50]], location]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()


def kind_of_object(finding: Finding) -> str:
    """The finding's object without what differs from request to request: `spool/*`, `POST /v1/sessions/*`."""
    thing = _stable(finding.object, finding.canary)
    return thing if finding.source == "answers" else _DATE.sub("#", thing)


def _stable(text: str, canary: str | None) -> str:
    return _IDENTIFIER.sub("*", text[:LIMIT].replace(canary[:LIMIT], "*") if canary else text[:LIMIT])
