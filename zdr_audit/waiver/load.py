"""Reads a waiver file. Every error is one line: file, entry, key, what is wrong.

[[waiver]]
control = "ZDR-AUD-09"            # or: finding = "..." (a finding's fingerprint, 64 hex digits)
owner = "J. Doe, platform team"
reason = "The log store moves to the new cluster in January."
expires = 2027-01-31T00:00:00Z    # a date-time in UTC, without quotes
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from zdr_audit.waiver.model import Waiver

_KEYS = ("control", "finding", "owner", "reason", "expires")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class WaiverError(ValueError):
    """A waiver file that cannot be used; the message is one line for the user."""


def load_waivers(path: Path, controls: Collection[str]) -> tuple[Waiver, ...]:
    """The waivers of a TOML file; `controls` are the ids that exist. Raises WaiverError. Whether one has expired is judged with the run."""
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as exc:
        raise WaiverError(f"{path}: cannot be read: {exc.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise WaiverError(f"{path}: not valid TOML: {exc}") from None
    unknown = data.keys() - {"waiver"}
    if unknown:
        raise WaiverError(f"{path}: unknown key '{min(unknown)}' (allowed: [[waiver]])")
    entries = data.get("waiver", [])
    if not isinstance(entries, list):
        raise WaiverError(f"{path}: waiver: must be a list of tables, each headed [[waiver]]")
    found: list[Waiver] = []
    for number, entry in enumerate(entries, 1):
        try:
            waiver = _waiver(entry, controls)
            if any((w.control, w.finding) == (waiver.control, waiver.finding) for w in found):
                raise WaiverError(f"{waiver.about} is waived twice")
        except WaiverError as exc:
            raise WaiverError(f"{path}: waiver {number}: {exc}") from None
        found.append(waiver)
    return tuple(found)


def _waiver(entry: Any, controls: Collection[str]) -> Waiver:
    if not isinstance(entry, dict):
        raise WaiverError("must be a table")
    for key in sorted(entry.keys() - set(_KEYS)):
        close = difflib.get_close_matches(key, _KEYS, 1)
        raise WaiverError(f"unknown key '{key}'{f'; did you mean {close[0]!r}?' if close else ''} (allowed: {', '.join(_KEYS)})")
    control, finding = entry.get("control"), entry.get("finding")
    if (control is None) == (finding is None):
        raise WaiverError("needs either 'control' or 'finding'")
    if control is not None and (not isinstance(control, str) or control not in controls):
        close = difflib.get_close_matches(str(control), controls, 1)
        raise WaiverError(f"control: the catalogue has no {control!r}{f'; did you mean {close[0]}?' if close else ''}")
    if finding is not None and not (isinstance(finding, str) and _FINGERPRINT.fullmatch(finding)):
        raise WaiverError("finding: must be a fingerprint of 64 hex digits, as 'zdr-audit diff' shows it")
    return Waiver(control=control, finding=finding, owner=_text(entry, "owner"), reason=_text(entry, "reason"), expires=_expiry(entry))


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise WaiverError(f"{key}: is missing" if value is None else f"{key}: must be a text that is not empty")
    return " ".join(value.split())


def _expiry(entry: dict[str, Any]) -> str:
    """A time without offset, or with another one than UTC, is refused: read in the wrong zone, a waiver outlives its expiry."""
    value = entry.get("expires")
    if value is None:
        raise WaiverError("expires: is missing")
    if not isinstance(value, datetime) or value.utcoffset() != timedelta(0):
        raise WaiverError("expires: must be a date-time in UTC without quotes, such as 2027-01-31T00:00:00Z")
    return value.isoformat().replace("+00:00", "Z")
