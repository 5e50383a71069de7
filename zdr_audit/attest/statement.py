"""The in-toto statement (v1) with the test-result predicate (v0.1) about a pack.

`result` is PASSED only for a compliant run of the whole catalogue in which nothing was waived. It is WARNED where the run is compliant but
needed waivers, or only a part of the catalogue was selected. It is FAILED for a non-compliant run and for an incomplete one: readers of the
predicate commonly let WARNED through, and what could not be decided must not get through.

Bare control ids stand for passed and failed controls. Any other verdict is named beside the id, so that no reader takes
`ZDR-RET-03 (inconclusive)` or `ZDR-AUD-09 (waived)` for a test that passed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zdr_audit.report.model import ControlResult, Report

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
RESULTS = ("PASSED", "WARNED", "FAILED")
_LISTS = ("passedTests", "warnedTests", "failedTests")


def statement(report: Report, digests: Mapping[str, str]) -> dict[str, Any]:
    """The statement: `digests` (file name -> SHA-256 in hex) become its subjects, profile and catalogue its configuration."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate(report),
    }


def predicate(report: Report) -> dict[str, Any]:
    """The test-result predicate of a report."""
    run, summary = report.run, report.summary
    chosen = report.selected
    passed = [c.id for c in chosen if c.verdict == "pass"]
    warned = [_named(c) for c in chosen if c.verdict == "waived"]
    failed = [c.id for c in chosen if c.verdict == "fail"] + [_named(c) for c in chosen if c.verdict in ("inconclusive", "not_tested")]
    if summary.status == "compliant":
        result = "WARNED" if warned or summary.partial else "PASSED"
    else:
        result = "FAILED"
        failed = failed or [f"run ({summary.status.replace('_', '-')})"]
    annotations = {
        "version": run.version,
        "run": run.id,
        "status": summary.status,
        "partial": summary.partial,
        "selection": run.selection,
        "depth": run.depth,
        "policyEdition": run.policy_edition,
        "journalHead": run.journal_digest,
    }
    return {
        "result": result,
        "configuration": [
            {"name": "profile", "digest": {"sha256": run.profile_digest}},
            {"name": "catalogue", "digest": {"sha256": run.catalogue_digest}},
            {"name": "zdr-audit", "annotations": annotations},
        ],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
    }


def _named(control: ControlResult) -> str:
    return f"{control.id} ({control.verdict.replace('_', ' ')})"


def render(body: Mapping[str, Any]) -> bytes:
    """The payload that is signed: JSON in one form (sorted keys, no blanks, ASCII)."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def flaws(body: Any) -> list[str]:
    """What keeps a parsed payload from being a statement with a well-formed test-result predicate.

    in-toto's own `validate` does not look at the predicate.
    """
    if not isinstance(body, dict):
        return ["the statement is not a JSON object"]
    found = []
    if body.get("_type") != STATEMENT_TYPE:
        found.append(f"the statement has the type {str(body.get('_type'))[:80]}, not {STATEMENT_TYPE}")
    if body.get("predicateType") != PREDICATE_TYPE:
        found.append(f"the predicate has the type {str(body.get('predicateType'))[:80]}, not {PREDICATE_TYPE}")
    subjects = body.get("subject")
    if not isinstance(subjects, list) or not subjects or not all(_descriptor(s, digest=True) for s in subjects):
        found.append("the statement needs subjects, each with a name and a SHA-256 digest")
    elif len({s["name"] for s in subjects}) < len(subjects):
        found.append("the statement names a subject twice")
    return found + _predicate_flaws(body.get("predicate"))


def _predicate_flaws(part: Any) -> list[str]:
    if not isinstance(part, dict):
        return ["the statement has no predicate"]
    found = []
    result = part.get("result")
    if result not in RESULTS:
        found.append(f"the predicate's result is {str(result)[:40]}, allowed are {', '.join(RESULTS)}")
    configuration = part.get("configuration")
    if not isinstance(configuration, list) or not configuration or not all(_descriptor(c) for c in configuration):
        found.append("the predicate needs a configuration")
    for name in _LISTS:
        tests = part.get(name, [])
        if not isinstance(tests, list) or not all(isinstance(t, str) and t for t in tests):
            found.append(f"the predicate's {name} is not a list of names")
        elif tests and ((result == "PASSED" and name != "passedTests") or (result == "WARNED" and name == "failedTests")):
            found.append(f"the predicate says {result} and yet lists {name}")
    return found


def _descriptor(item: Any, *, digest: bool = False) -> bool:
    """A resource descriptor as we write them: a name, and a SHA-256 digest where one is given or needed."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
        return False
    value = item.get("digest")
    if value is None:
        return not digest
    known = value.get("sha256") if isinstance(value, dict) else None
    return isinstance(known, str) and len(known) == 64 and set(known) <= set("0123456789abcdef")
