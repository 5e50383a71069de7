"""Small pieces of OSCAL documents: identifiers, times, properties, and what all documents of a run have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from zdr_audit.report.markdown import escaped
from zdr_audit.report.model import ControlResult, Report
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import families
from zdr_audit.report.words import instant

VERSION = "1.2.1"
NAMESPACE = "urn:zdr-audit:oscal:1"
"""The namespace of our properties; a reader that does not know it may leave them aside."""

Json = dict[str, Any]

_UNNAMED = "unnamed"
_EPOCH = "1970-01-01T00:00:00Z"


def identifier(report: Report, *key: str) -> str:
    """A version 5 UUID of something in this run's documents; the same in every rendering."""
    return str(uuid5(NAMESPACE_URL, "\n".join((NAMESPACE, visible(report.run.id, 200), *(visible(part, 300) for part in key)))))


def token(text: str) -> str:
    """Text as an OSCAL token: a letter first, then letters, digits, points and hyphens."""
    kept = re.sub(r"[^A-Za-z0-9.-]", "_", visible(text, 60))
    return kept if re.match(r"[A-Za-z_]", kept) else f"_{kept}"


def line(text: str, limit: int = 300) -> str:
    """Text as one non-empty line; OSCAL reads titles and descriptions as Markdown, so what would act in Markdown is escaped."""
    return escaped(text, limit) or _UNNAMED


def prop(name: str, value: str) -> list[Json]:
    """A list of one property of ours, or of none where the value is empty, as OSCAL has no empty values."""
    shown = visible(value, 600).strip()
    return [{"name": name, "ns": NAMESPACE, "value": shown}] if shown else []


def listed(texts: Iterable[str], between: str = ", ") -> str:
    """Texts of a report in one; each is cut first, since joining is where a huge one would cost."""
    return between.join(visible(text, 200) for text in texts)


def method(control: ControlResult) -> str:
    """The assessment method in OSCAL's words; one that it does not know is a test."""
    return "EXAMINE" if control.method == "examine" else "TEST"


def moment(*stamps: str) -> str:
    """The first stamp that is a time with a zone, in UTC to the second; the epoch where none is, for OSCAL demands a time."""
    for stamp in stamps:
        found = instant(stamp)
        if found is not None and 1 < found.year < 9999:
            return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _EPOCH


def ended(report: Report) -> str:
    """The end of the run, or its start where it has none."""
    return moment(report.run.ended_at, report.run.started_at)


def ordered(report: Report) -> list[ControlResult]:
    """All controls in report order."""
    return [control for family in families(report) for control in family.controls]


def metadata(report: Report, title: str) -> Json:
    """The metadata of a document; its version is the version of zdr-audit that wrote it."""
    return {
        "title": title,
        "last-modified": ended(report),
        "version": visible(report.run.version, 60).strip() or _UNNAMED,
        "oscal-version": VERSION,
        "props": [*prop("policy-edition", report.run.policy_edition), *prop("catalogue-digest", report.run.catalogue_digest)]
        or prop("tool", "zdr-audit"),
    }


def assets(report: Report) -> Json:
    """zdr-audit itself, as the tool that made the observations."""
    tool = identifier(report, "tool")
    component: Json = {
        "uuid": tool,
        "type": "software",
        "title": "zdr-audit",
        "description": "Audit suite for zero data retention",
        "status": {"state": "operational"},
    }
    platform = {"uuid": identifier(report, "platform"), "title": "zdr-audit", "uses-components": [{"component-uuid": tool}]}
    return {
        "components": [component | {"props": prop("version", report.run.version) or prop("tool", "zdr-audit")}],
        "assessment-platforms": [platform],
    }


def origin(report: Report) -> list[Json]:
    """Where an observation or a finding comes from: the tool."""
    return [{"actors": [{"type": "tool", "actor-uuid": identifier(report, "tool")}]}]


def reviewed(controls: list[ControlResult]) -> Json:
    """The selection of these controls; at least one."""
    return {"control-selections": [{"include-controls": [{"control-id": name} for name in dict.fromkeys(token(c.id) for c in controls)]}]}
