"""`report.sarif` (SARIF 2.1.0): rules are the controls, results are what is broken or open, for code scanning to show and track."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote

from zdr_audit.report.fingerprint import fingerprint
from zdr_audit.report.model import ControlResult, Finding, Report
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import OPEN, STATUS_WORDS, WORDS, families, minimised_words, place, reproduce, request_of
from zdr_audit.report.words import instant

RESULTS_SHOWN = 5_000
"""As many as GitHub shows of one file."""

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "zdrAuditFinding/v1"
RUN_RULE = "ZDR-RUN"
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.5"}
_LEVELS: dict[str, Literal["error", "warning", "note"]] = {
    "fail": "error",
    "inconclusive": "warning",
    "not_tested": "warning",
    "waived": "note",
}

Json = dict[str, Any]


def render(report: Report) -> str:
    """The report as SARIF text, 2-space indent, printable ASCII. Passed and inapplicable controls are rules without results."""
    controls = [control for family in families(report) for control in family.controls]
    rules = [_rule(control) for control in controls]
    results = list(_results(report, {control.id: index for index, control in enumerate(controls)}))
    if report.summary.status != "compliant" and not any(result["level"] in ("error", "warning") for result in results):
        results.insert(0, _run_result(report, len(rules)))
        rules.append(_run_rule())
    run: Json = {
        "tool": {"driver": {"name": "zdr-audit", "version": visible(report.run.version, 60), "rules": rules}},
        "automationDetails": {"id": f"zdr-audit/{visible(report.run.id, 120)}"},
        "invocations": [_invocation(report, len(results) - RESULTS_SHOWN)],
        "columnKind": "unicodeCodePoints",
        "results": results[:RESULTS_SHOWN],
        "properties": {
            "verdict": report.summary.status,
            "partial": report.summary.partial,
            "journalDigest": visible(report.run.journal_digest, 200),
            "policyEdition": visible(report.run.policy_edition, 200),
        },
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _rule(control: ControlResult) -> Json:
    return {
        "id": visible(control.id, 60),
        "name": re.sub(r"\W", "", visible(control.title, 200).title()) or "Control",
        "shortDescription": {"text": visible(control.title, 300) or control.id[:60] or "Control"},
        "fullDescription": {"text": visible(control.statement, 1_000) or "No statement."},
        "help": {"text": visible(control.remediation, 2_000) or "No remedy is known."},
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "security-severity": _SCORES.get(control.severity, "5.5"),
            "tags": list(dict.fromkeys(["security", "zero-data-retention", visible(control.family, 60), visible(control.severity, 60)])),
        },
    }


def _results(report: Report, index: dict[str, int]) -> Iterator[Json]:
    """Failed controls first, so that a cut never takes away a failure for the sake of something open."""
    for verdict in (*OPEN, "waived"):
        for family in families(report):
            for control in family.controls:
                if control.verdict == verdict:
                    yield from _of_control(report, control, index[control.id])


def _of_control(report: Report, control: ControlResult, rule: int) -> Iterator[Json]:
    if control.verdict not in ("fail", "waived") or not control.findings:
        yield _result(report, control, rule, f"{WORDS[control.verdict]}: {control.reason}", f"{control.id}/{control.verdict}")
        return
    gathered: dict[str, list[Finding]] = {}
    for finding in control.findings:
        gathered.setdefault(fingerprint(control.id, finding), []).append(finding)
    for mark, found in gathered.items():
        result = _result(report, control, rule, _message(found[0]), mark)
        result["locations"][0]["logicalLocations"] = [
            {"fullyQualifiedName": visible(place(found[0]), 600) or "unknown", "kind": "resource"}
        ]
        result["occurrenceCount"] = len(found)
        result["properties"] |= _facts(found[0])
        smallest = next((item for item in report.minimised if item.id == found[0].minimised), None)
        if smallest is not None:
            result["properties"]["smallestRequest"] = visible(minimised_words(smallest), 700)
        yield result


def _result(report: Report, control: ControlResult, rule: int, message: str, mark: str) -> Json:
    result: Json = {
        "ruleId": visible(control.id, 60),
        "ruleIndex": rule,
        "kind": "fail",
        "level": _LEVELS[control.verdict],
        "message": {"text": _plain(message, 1_000)},
        "locations": [_location(control)],
        "partialFingerprints": {FINGERPRINT: visible(mark, 120)},
        "properties": {"verdict": control.verdict, "reproduce": visible(reproduce(report, control.id), 1_200)},
    }
    if control.verdict == "waived":
        result["properties"]["trueVerdict"] = control.true_verdict or "fail"
        result["suppressions"] = [{"kind": "external", "justification": visible(control.reason, 600)}]
    return result


def _plain(text: str, limit: int) -> str:
    """Text of a message, in which brackets of the target's would make a link (SARIF 2.1.0, 3.11.6)."""
    return re.sub(r"[\\\[\]]", r"\\\g<0>", visible(text, limit))


def _message(finding: Finding) -> str:
    parts = [f"{finding.message} At {place(finding)}"]
    parts += [f"form {' > '.join(finding.forms[:20])}"] if finding.forms else []
    parts += [f"request {request_of(finding)}"] if request_of(finding) else []
    return "; ".join(parts)


def _facts(finding: Finding) -> Json:
    names = ("canary", "request", "request_id", "organization", "model", "at")
    facts: Json = {name: visible(value, 200) for name in names if (value := getattr(finding, name))}
    return facts | ({"forms": [visible(form, 80) for form in finding.forms[:20]]} if finding.forms else {})


def _location(control: ControlResult) -> Json:
    """A live endpoint has no file to point at; the control's own file is the one that is in the repository."""
    family, name = (quote(visible(part, 60), safe="") for part in (control.family, control.id))
    return _file(f"zdr_audit/catalogue/controls/{family}/{name}.toml")


def _file(path: str) -> Json:
    return {"physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}}}


def _run_rule() -> Json:
    return {
        "id": RUN_RULE,
        "name": "TheRunCameToAVerdict",
        "shortDescription": {"text": "The run came to a verdict"},
        "fullDescription": {"text": "A run that was interrupted, or whose target did not answer ordinary requests, gives no assurance."},
        "help": {"text": "Look at the reasons, mend the cause and run again."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["zero-data-retention"]},
    }


def _run_result(report: Report, rule: int) -> Json:
    """The run's own verdict: only where no control would show that the run is not compliant."""
    summary = report.summary
    message = f"{STATUS_WORDS[summary.status]}: {summary.headline} {' '.join(summary.reasons[:6])}"
    return {
        "ruleId": RUN_RULE,
        "ruleIndex": rule,
        "kind": "fail",
        "level": "error" if summary.status == "non_compliant" else "warning",
        "message": {"text": _plain(message, 1_000)},
        "locations": [_file("zdr_audit/catalogue/policy.toml")],
        "partialFingerprints": {FINGERPRINT: f"{RUN_RULE}/{summary.status}"},
        "properties": {"verdict": summary.status},
    }


def _invocation(report: Report, beyond: int) -> Json:
    run = report.run
    found: Json = {"executionSuccessful": report.summary.status != "incomplete", "commandLine": visible(run.command, 1_000)}
    for name, stamp in (("startTimeUtc", run.started_at), ("endTimeUtc", run.ended_at)):
        if shown := _utc(stamp):
            found[name] = shown
    notes = [_plain(f"{probe.when} sanity probe failed: {probe.detail}", 600) for probe in report.sanity if not probe.ok]
    notes += [f"{beyond:,} more results are in report.json."] if beyond > 0 else []
    if notes:
        found["toolExecutionNotifications"] = [{"level": "error", "message": {"text": note}} for note in notes]
    return found


def _utc(stamp: str) -> str:
    """The stamp in the one form that SARIF allows, or nothing where it is no time in UTC."""
    time = instant(stamp)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time is not None and not time.utcoffset() else ""
