"""Every way in which catalogue data can be wrong, and the one line that says so."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from zdr_audit.catalogue import CatalogueError, load_catalogue

CONTROL_KEYS = "id, title, statement, policy, severity, method, minimum_accepted, evidence, requires, remediation"
C = "controls/RET/ZDR-RET-01.toml"


def error_of(draft) -> str:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(draft.root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_draft_is_right_before_it_is_spoilt(draft):
    assert [control.id for control in load_catalogue(draft.root).controls] == ["ZDR-RET-01"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            'title = "Prom', 'titel = "x"\ntitle = "Prom', f"titel: unknown key; did you mean title? (allowed: {CONTROL_KEYS})", id="key"
        ),
        pytest.param('title = "Prom', 'qqqqq = "x"\ntitle = "Prom', f"qqqqq: unknown key (allowed: {CONTROL_KEYS})", id="key-like-none"),
        pytest.param('title = "Prompts are kept nowhere"\n', "", "title: missing", id="missing"),
        pytest.param('"Prompts are kept nowhere"', '"  "', "title: must not be empty", id="blank"),
        pytest.param('"Prompts are kept nowhere"', "7", "title: expected text, found 7", id="number-for-text"),
        pytest.param('"Prompts are kept nowhere"', "2026-01-01", 'title: expected text, found {"date": "2026-01-01"}', id="date-for-text"),
        pytest.param("= 5", '= "5"', 'minimum_accepted: expected a whole number, found "5"', id="text-for-number"),
        pytest.param("= 5", "= 5.5", "minimum_accepted: expected a whole number, found 5.5", id="fraction"),
        pytest.param("= 5", "= true", "minimum_accepted: expected a whole number, found true", id="bool-for-number"),
        pytest.param("= 5", "= -1", "minimum_accepted: -1 is below 0", id="negative"),
        pytest.param('["stores"]', '"stores"', 'evidence: expected a list, found "stores"', id="text-for-list"),
        pytest.param('["stores"]', "[]", "evidence: must not be empty", id="no-evidence"),
        pytest.param(
            '["stores"]', '["stores", "logs"]', 'evidence[2]: "logs" is not one of answers, stores, read_back', id="evidence-unknown"
        ),
        pytest.param('["stores"]', '["stores", "stores"]', "evidence[2]: stores is named twice", id="evidence-twice"),
        pytest.param('"critical"', '"fatal"', 'severity: "fatal" is not one of critical, high, medium, low', id="severity"),
        pytest.param('"test"', '"guess"', 'method: "guess" is not one of test, examine', id="method"),
        pytest.param(
            '"ZDR-RET-01"',
            '"ZDR-XXX-01"',
            r'id: "ZDR-XXX-01" does not have the form ^ZDR-(RET|EXC|SCP|BLK|ENB|AUD|ADM|CON)-\d\d$',
            id="family",
        ),
        pytest.param('"ZDR-RET-01"', '"ZDR-RET-02"', "id: ZDR-RET-02 belongs in controls/RET/ZDR-RET-02.toml", id="file-name"),
        pytest.param('"intro.processing"', "", "policy: must not be empty", id="no-statement"),
        pytest.param(
            '"intro.processing"',
            '"intro.procesing"',
            "policy[1]: unknown statement intro.procesing; did you mean intro.processing?",
            id="statement-close",
        ),
        pytest.param('"intro.processing"', '"zzz.zzz"', "policy[1]: unknown statement zzz.zzz", id="statement-unknown"),
        pytest.param(
            '"intro.processing"',
            '"intro.processing", "intro.processing"',
            "policy[2]: intro.processing is named twice",
            id="statement-twice",
        ),
        pytest.param(
            '"intro.processing"',
            '"intro.processing", "request.contact"',
            "policy[2]: request.contact is marked as not checkable in policy.toml",
            id="statement-not-checkable",
        ),
        pytest.param(
            '"messages.create"', '"messages.create", "messages.create"', "requires[2]: messages.create is named twice", id="requires-twice"
        ),
        pytest.param(
            'severity = "critical"',
            'severity = "fatal"\nextra = 1',
            'severity: "fatal" is not one of critical, high, medium, low (and 1 more)',
            id="several",
        ),
    ],
)
def test_a_wrong_control_is_named_by_file_and_key(draft, old, new, message):
    draft.change(draft.control, old, new)
    assert error_of(draft) == f"{C}: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('edition = "1"\n', "", "edition: missing", id="no-edition"),
        pytest.param(
            'edition = "1"',
            'edition = "1"\nstatements = 1',
            "statements: unknown key; did you mean statement? (allowed: edition, source, statement)",
            id="key",
        ),
        pytest.param(
            'paraphrase = "Ask for it."',
            'paraphrased = "Ask for it."\nparaphrase = "x"',
            "statement[2].paraphrased: unknown key; did you mean paraphrase? (allowed: id, section, paraphrase, checkable, why_not)",
            id="key-of-a-statement",
        ),
        pytest.param("checkable = false", 'checkable = "no"', 'statement[2].checkable: expected true or false, found "no"', id="bool"),
        pytest.param(
            '"request.contact"',
            '"Request"',
            r'statement[2].id: "Request" does not have the form ^[a-z0-9-]+(\.[a-z0-9-]+)+$',
            id="statement-id",
        ),
        pytest.param('"request.contact"', '"intro.processing"', "statement[2].id: duplicate id intro.processing", id="duplicate"),
        pytest.param(
            'why_not = "People talk to people."',
            "",
            "statement[2].why_not: missing; request.contact is not checkable and must say why",
            id="no-reason",
        ),
        pytest.param(
            '"People talk to people."',
            '" "',
            "statement[2].why_not: missing; request.contact is not checkable and must say why",
            id="blank-reason",
        ),
        pytest.param(
            "checkable = false",
            "checkable = true",
            "statement[2].why_not: request.contact is checkable, so there is nothing to excuse",
            id="reason-for-nothing",
        ),
        pytest.param(
            'checkable = false\nwhy_not = "People talk to people."',
            "",
            "statement[2].id: request.contact is checkable but no control names it",
            id="statement-without-control",
        ),
    ],
)
def test_a_wrong_policy_file_is_named_by_key(draft, old, new, message):
    draft.change(draft.policy, old, new)
    assert error_of(draft) == f"policy.toml: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('["ZDR-RET-01"]', "[]", "clauses[1].controls: must not be empty", id="no-controls"),
        pytest.param(
            '["ZDR-RET-01"]',
            '["ZDR-RET-01", "ZDR-RET-02"]',
            "clauses[1].controls[2]: unknown control ZDR-RET-02; did you mean ZDR-RET-01?",
            id="unknown-control",
        ),
        pytest.param(
            '["ZDR-RET-01"]', '["ZDR-RET-01", "ZDR-RET-01"]', "clauses[1].controls[2]: ZDR-RET-01 is named twice", id="control-twice"
        ),
        pytest.param('id = "soc2"', 'id = "soc3"', "id: soc3 belongs in frameworks/soc3.toml", id="file-name"),
        pytest.param(
            'title = "SOC 2"',
            'title = "SOC 2"\nclause = 1',
            "clause: unknown key; did you mean clauses? (allowed: id, title, clauses)",
            id="key",
        ),
        pytest.param(
            'title = "Confidentiality"',
            'title = "Confidentiality"\nreason = "x"',
            "clauses[1].reason: unknown key (allowed: id, title, controls, rationale)",
            id="key-of-a-clause",
        ),
    ],
)
def test_a_wrong_framework_is_named_by_file_and_key(draft, old, new, message):
    draft.change(draft.framework, old, new)
    assert error_of(draft) == f"frameworks/soc2.toml: {message}"


def test_a_clause_that_stands_twice_is_refused(draft):
    text = draft.framework.read_text(encoding="utf-8")
    draft.framework.write_text(text + text[text.index("\n[[clauses]]") :], encoding="utf-8")
    assert error_of(draft) == "frameworks/soc2.toml: clauses[2].id: duplicate id C1.1"


def test_a_control_id_in_two_files_is_refused(draft):
    draft.add("controls/RET/ZDR-RET-02.toml", draft.control.read_text(encoding="utf-8"))
    assert error_of(draft) == "controls/RET/ZDR-RET-02.toml: id: duplicate id ZDR-RET-01"


def test_a_control_in_the_folder_of_another_family_is_refused(draft):
    draft.add("controls/EXC/ZDR-RET-02.toml", draft.control.read_text(encoding="utf-8").replace("RET-01", "RET-02"))
    assert error_of(draft) == "controls/EXC/ZDR-RET-02.toml: id: ZDR-RET-02 belongs in controls/RET/ZDR-RET-02.toml"


@pytest.mark.parametrize(
    ("name", "place"),
    [("controls/ZDR-RET-02.toml", "controls/FAMILY/ID.toml"), ("frameworks/eu/gdpr.toml", "frameworks/ID.toml")],
)
def test_a_file_where_nothing_would_read_it_is_refused(draft, name, place):
    draft.add(name, "")
    assert error_of(draft) == f"{name}: in the wrong folder (expected {place})"


def test_a_missing_policy_file_is_named(draft):
    draft.policy.unlink()
    assert error_of(draft) == "policy.toml: no such file"


def test_a_folder_in_place_of_a_file_is_named(draft):
    draft.policy.unlink()
    draft.policy.mkdir()
    assert error_of(draft) == f"policy.toml: cannot be read: {os.strerror(errno.EISDIR)}"


@pytest.mark.parametrize("folder", ["controls", "frameworks"])
def test_a_missing_folder_is_named(draft, folder):
    shutil.rmtree(draft.root / folder)
    assert error_of(draft) == f"{folder}: no such folder"


@pytest.mark.parametrize("folder", ["controls", "frameworks"])
def test_an_empty_folder_is_named(draft, folder):
    shutil.rmtree(draft.root / folder)
    (draft.root / folder).mkdir()
    assert error_of(draft) == f"{folder}: holds no .toml file"


def test_a_file_that_is_not_toml_is_named_with_the_place(draft):
    draft.change(draft.control, '"critical"', "critical")
    assert error_of(draft) == f"{C}: not TOML: Invalid value (at line 5, column 12)"


def test_a_file_that_is_not_utf8_is_named_with_the_byte(draft):
    draft.control.write_bytes(b'id = "\xff"')
    assert error_of(draft) == f"{C}: not UTF-8 at byte 6"


def test_a_long_wrong_value_is_cut_in_the_message(draft):
    draft.change(draft.control, '"critical"', f'"{"x" * 500}"')
    assert error_of(draft) == f'{C}: severity: "{"x" * 56}... is not one of critical, high, medium, low'
