"""`junit.xml`: a test suite a family, a test case a control. What is open shows in a tool that counts failures and errors."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from zdr_audit.report.model import ControlResult, Finding, Report
from zdr_audit.report.sanitize import visible
from zdr_audit.report.view import STATUS_WORDS, WORDS, families, minimised_of, minimised_words, place, reproduce, request_of

FINDINGS_SHOWN = 20
_ELEMENT = {"fail": "failure", "inconclusive": "error", "not_tested": "error", "not_applicable": "skipped", "waived": "skipped"}
_KINDS = ("failure", "error", "skipped")


def render(report: Report) -> str:
    """The report as JUnit XML text with a trailing newline. Times are left out: a control has none of its own."""
    root = Xml.Element("testsuites", name="zdr-audit")
    for family in families(report):
        suite = Xml.SubElement(
            root, "testsuite", name=visible(f"{family.code} {family.title}", 200), timestamp=visible(report.run.started_at, 60)
        )
        for control in family.controls:
            suite.append(_case(report, control))
    if not report.controls or (report.summary.status != "compliant" and not _alarms(root)):
        root.append(_run_suite(report))
    for suite in root:
        _set_counts(suite, suite)
    _set_counts(root, root)
    if len(root):
        root[0].insert(0, _properties(report))
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _case(report: Report, control: ControlResult) -> Xml.Element:
    case = Xml.Element("testcase", classname=visible(control.family, 60), name=visible(f"{control.id} {control.title}", 300))
    if control.verdict in _ELEMENT:
        kind = _ELEMENT[control.verdict]
        outcome = Xml.SubElement(case, kind, type=control.verdict, message=visible(f"{WORDS[control.verdict]}: {control.reason}", 1_000))
        if kind != "skipped":
            outcome.text = _body(report, control)
    return case


def _body(report: Report, control: ControlResult) -> str:
    lines = [control.statement, f"Accepted {control.accepted} of {control.sent} sent; at least {control.minimum_accepted} needed."]
    lines += [_line(finding) for finding in control.findings[:FINDINGS_SHOWN]]
    if len(control.findings) > FINDINGS_SHOWN:
        lines.append(f"{len(control.findings) - FINDINGS_SHOWN} more findings are in report.json.")
    lines += [f"{test.nodeid}: {test.outcome} {test.message}".rstrip() for test in control.tests if test.outcome != "holds"][
        :FINDINGS_SHOWN
    ]
    lines += [f"Smallest request that leaks: {minimised_words(item)}" for item in minimised_of(report, control)[:1]]
    lines.append(f"To reproduce: {reproduce(report, control.id)}")
    lines.append(f"Remedy: {control.remediation}")
    return "\n".join(visible(line, 1_000) for line in lines)


def _line(finding: Finding) -> str:
    parts = [f"{finding.message} at {place(finding)}"]
    parts += [f"forms {' > '.join(finding.forms)}"] if finding.forms else []
    parts += [f"{name} {value}" for name, value in (("request", request_of(finding)), ("canary", finding.canary)) if value]
    parts += [f"{name} {value}" for name, value in (("organization", finding.organization), ("model", finding.model)) if value]
    return "; ".join(visible(part, 300) for part in parts)


def _alarms(root: Xml.Element) -> bool:
    return root.find(".//failure") is not None or root.find(".//error") is not None


def _run_suite(report: Report) -> Xml.Element:
    """The run's own verdict as a case: only where no control would show that the run is not compliant."""
    suite = Xml.Element("testsuite", name="RUN Verdict of the run", timestamp=visible(report.run.started_at, 60))
    case = Xml.SubElement(suite, "testcase", classname="RUN", name="RUN The run came to a verdict")
    kind = "failure" if report.summary.status == "non_compliant" else "error"
    message = f"{STATUS_WORDS[report.summary.status]}: {report.summary.headline}"
    outcome = Xml.SubElement(case, kind, type=report.summary.status, message=visible(message, 1_000))
    outcome.text = "\n".join(visible(reason, 1_000) for reason in report.summary.reasons)
    return suite


def _set_counts(element: Xml.Element, within: Xml.Element) -> None:
    element.set("tests", str(sum(1 for _ in within.iter("testcase"))))
    for kind, name in zip(_KINDS, ("failures", "errors", "skipped"), strict=True):
        element.set(name, str(sum(1 for _ in within.iter(kind))))


def _properties(report: Report) -> Xml.Element:
    holder = Xml.Element("properties")
    run = report.run
    pairs = {
        "run": run.id,
        "version": run.version,
        "target": run.target.name,
        "status": report.summary.status,
        "partial": str(report.summary.partial).lower(),
        "selection": run.selection,
        "depth": run.depth,
        "seed": str(run.seed),
        "policy_edition": run.policy_edition,
        "journal_digest": run.journal_digest,
    }
    for name, value in pairs.items():
        Xml.SubElement(holder, "property", name=name, value=visible(value, 300))
    return holder
