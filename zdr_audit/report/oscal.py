"""OSCAL 1.2.1: our controls as a catalog, the run as an assessment plan, its verdicts as assessment results.

The documents are plain JSON, so that writing them needs no further package; the tests read them with compliance-trestle and, where it is
at hand, check them against NIST's schema.
"""

from __future__ import annotations

import json

from zdr_audit.report.model import ControlResult, Finding, Report
from zdr_audit.report.oscal_parts import (
    Json,
    assets,
    ended,
    identifier,
    line,
    listed,
    metadata,
    method,
    moment,
    ordered,
    origin,
    prop,
    reviewed,
    token,
)
from zdr_audit.report.view import FRAMEWORKS, families, minimised_words, place, reproduce, request_of

CATALOG, PLAN, RESULTS = "oscal-catalog.json", "oscal-assessment-plan.json", "oscal-assessment-results.json"
FINDINGS_SHOWN = 50


def render(report: Report) -> dict[str, str]:
    """File name -> JSON text (printable ASCII) of the three documents; none where there is no control, for OSCAL has no empty list."""
    if not report.controls:
        return {}
    documents = {
        CATALOG: {"catalog": catalog(report)},
        PLAN: {"assessment-plan": plan(report)},
        RESULTS: {"assessment-results": results(report)},
    }
    return {name: json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n" for name, document in documents.items()}


def catalog(report: Report) -> Json:
    """The controls of the report, a group a family."""
    groups = [
        {"id": token(family.code), "class": "family", "title": line(family.title), "controls": [_control(c) for c in family.controls]}
        for family in families(report)
    ]
    return {"uuid": identifier(report, "catalog"), "metadata": metadata(report, "Controls for zero data retention"), "groups": groups}


def _control(control: ControlResult) -> Json:
    name = token(control.id)
    clauses = [
        item
        for framework, ids in sorted(control.frameworks.items())
        for item in prop(f"supports-{token(framework)}", listed((FRAMEWORKS.get(framework, framework), listed(ids)), ": "))
    ]
    return {
        "id": name,
        "class": "zdr-audit",
        "title": line(control.title),
        "props": [{"name": "label", "value": name}, *prop("severity", control.severity), *clauses],
        "parts": [
            {"id": f"{name}_smt", "name": "statement", "prose": line(control.statement, 2_000)},
            {"id": f"{name}_gdn", "name": "guidance", "prose": line(control.remediation, 2_000)},
            {"id": f"{name}_obj", "name": "assessment-objective", "prose": line(control.statement, 2_000)},
            {
                "id": f"{name}_asm",
                "name": "assessment-method",
                "props": [{"name": "method", "ns": "http://csrc.nist.gov/ns/rmf", "value": method(control)}],
                "prose": f"At least {control.minimum_accepted} accepted requests, judged on {line(listed(control.evidence))}.",
            },
        ],
    }


def plan(report: Report) -> Json:
    """What the run set out to do. There is no system security plan to import: a resource describes the target in its place."""
    run, system = report.run, identifier(report, "system")
    activity = identifier(report, "activity")
    everything = [{"type": "component", "include-all": {}}]
    return {
        "uuid": identifier(report, "plan"),
        "metadata": metadata(report, "Plan of a zero data retention audit"),
        "import-ssp": {"href": f"#{system}"},
        "local-definitions": {
            "activities": [
                {
                    "uuid": activity,
                    "title": "Assay for zero data retention",
                    "description": "Marked requests are sent to an organization with zero data retention and to one without; "
                    "every evidence source is then searched for the marks of both.",
                    "props": [{"name": "method", "value": "TEST"}],
                    "related-controls": reviewed(ordered(report)),
                }
            ]
        },
        "reviewed-controls": reviewed(ordered(report)),
        "assessment-subjects": everything,
        "assessment-assets": assets(report),
        "tasks": [
            {
                "uuid": identifier(report, "task"),
                "type": "action",
                "title": "Run the audit",
                "props": [
                    *prop("depth", run.depth),
                    *prop("seed", str(run.seed)),
                    *prop("selection", run.selection),
                    *prop("command", run.command),
                ],
                "timing": {"within-date-range": {"start": moment(run.started_at), "end": ended(report)}},
                "associated-activities": [{"activity-uuid": activity, "subjects": everything}],
            }
        ],
        "back-matter": {
            "resources": [
                {
                    "uuid": system,
                    "title": line(run.target.name),
                    "description": f"The audited target as its profile names it, at {line(run.target.base_url)}.",
                    "props": [
                        *prop("platform", run.target.platform),
                        *prop("organization-with-zdr", run.target.subject),
                        *prop("organization-without-zdr", run.target.control),
                        *prop("profile-digest", run.profile_digest),
                        *prop("enforcement", run.target.enforcement),
                    ]
                    or prop("target", "unnamed"),
                }
            ]
        },
    }


def results(report: Report) -> Json:
    """Observations and findings. A control is satisfied only where it passed; one that does not apply is observed and has no finding."""
    run, summary = report.run, report.summary
    controls = ordered(report)
    judged = [control for control in controls if control.verdict != "not_applicable"]
    result: Json = {
        "uuid": identifier(report, "result"),
        "title": "Zero data retention audit",
        "description": line(summary.headline, 600),
        "start": moment(run.started_at),
        "end": ended(report),
        "props": [
            *prop("verdict", summary.status),
            *prop("partial", str(summary.partial).lower()),
            *prop("run", run.id),
            *prop("journal-digest", run.journal_digest),
            *prop("requests-sent", str(run.requests_sent)),
            *prop("requests-accepted", str(run.requests_accepted)),
        ],
        "local-definitions": {"assessment-assets": assets(report)},
        "reviewed-controls": reviewed(judged or controls),
        "observations": [item for control in controls for item in _observations(report, control)],
    }
    if judged:
        result["findings"] = [_finding(report, control) for control in judged]
    if gaps := summary.not_covered:
        result["remarks"] = f"Not covered: {'; '.join(line(gap) for gap in gaps)}"
    return {
        "uuid": identifier(report, "results"),
        "metadata": metadata(report, "Results of a zero data retention audit"),
        "import-ap": {"href": PLAN},
        "results": [result],
    }


def _observations(report: Report, control: ControlResult) -> list[Json]:
    """One of the control as a whole, then one a finding."""
    whole = {
        "uuid": identifier(report, "observation", control.id),
        "title": line(control.title),
        "description": line(control.reason, 1_000),
        "props": [
            *prop("verdict", control.verdict),
            *prop("true-verdict", control.true_verdict or ""),
            *prop("requests-accepted", str(control.accepted)),
            *prop("requests-needed", str(control.minimum_accepted)),
            *[item for source in dict.fromkeys((s.source, s.how) for s in control.sight) for item in prop("sight", listed(source, ": "))][
                :100
            ],
        ],
        "methods": [method(control)],
        "types": ["control-objective"],
        "origins": origin(report),
        "relevant-evidence": [{"href": "report.json", "description": "The whole report, with readings, proofs of sight and tests."}],
        "collected": _collected(report, control),
    }
    return [whole, *(_seen(report, control, number, item) for number, item in enumerate(control.findings[:FINDINGS_SHOWN]))]


def _collected(report: Report, control: ControlResult) -> str:
    """When the last evidence of the control was collected: the last reading of a source that it rests on, or the end of the run."""
    if set(control.evidence) <= {"answers"}:
        return ended(report)
    sources = {proof.source for proof in control.sight}
    times = [moment(reading.at) for source in report.sources if source.id in sources for reading in source.readings]
    return max(times) if times else ended(report)


def _seen(report: Report, control: ControlResult, number: int, finding: Finding) -> Json:
    details = (
        ("place", place(finding)),
        ("form", listed(finding.forms[:20], " > ")),
        ("request", request_of(finding)),
        ("canary", finding.canary or ""),
        ("organization", finding.organization or ""),
        ("model", finding.model or ""),
        ("reproduce", reproduce(report, control.id)),
        ("smallest-request", next((minimised_words(item) for item in report.minimised if item.id == finding.minimised), "")),
    )
    return {
        "uuid": identifier(report, "seen", control.id, str(number)),
        "title": line(f"{token(control.id)}: finding {number + 1} of {len(control.findings)}"),
        "description": line(finding.message, 1_000),
        "props": [item for name, value in details for item in prop(name, value)],
        "methods": [method(control)],
        "types": ["finding"],
        "origins": origin(report),
        "collected": moment(finding.at or "", report.run.ended_at, report.run.started_at),
    }


def _finding(report: Report, control: ControlResult) -> Json:
    passed, failed = control.verdict == "pass", control.verdict == "fail"
    seen = [identifier(report, "seen", control.id, str(number)) for number in range(len(control.findings[:FINDINGS_SHOWN]))]
    return {
        "uuid": identifier(report, "finding", control.id),
        "title": line(control.title),
        "description": line(control.statement, 2_000),
        "props": [*prop("verdict", control.verdict), *prop("severity", control.severity)],
        "origins": origin(report),
        "target": {
            "type": "objective-id",
            "target-id": f"{token(control.id)}_obj",
            "status": {
                "state": "satisfied" if passed else "not-satisfied",
                "reason": "pass" if passed else "fail" if failed else "other",
                "remarks": line(control.reason, 1_000),
            },
        },
        "related-observations": [{"observation-uuid": name} for name in (identifier(report, "observation", control.id), *seen)],
    }
