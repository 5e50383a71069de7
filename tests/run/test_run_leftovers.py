"""What a run makes in the target bears its name, is in the journal, is removed at the end, and what could not be removed is listed."""

from __future__ import annotations

import json

from paper_backend import CONTROLS, Asked, Reply, said

from zdr_audit.journal.events import Created, Removed
from zdr_audit.journal.store import Journal
from zdr_audit.run.audit import JOURNAL

SETTINGS = CONTROLS[2]


def events(folder, kind):
    with Journal(folder / "report" / JOURNAL, read_only=True) as journal:
        return [e for e in journal.events() if isinstance(e, kind)]


def refusing(asked: Asked, _: Reply) -> Reply | None:
    return said({"type": "error", "error": {"type": "api_error", "message": "not today"}}, 500) if asked.method == "DELETE" else None


def test_what_is_made_bears_the_name_of_the_run(judged):
    found = judged(controls=(SETTINGS,))
    run = found.report["run"]["id"]
    made = [json.loads(a.body) for a in found.backend.asked if a.path in ("/v1/organizations",) or a.path.endswith(("/users", "/api_keys"))]
    assert [next(v for k, v in body.items() if k in ("name", "email")) for body in made] == [
        f"zdr-audit {run} settings-are-changed-1",
        f"zdr-audit-member-settings-are-changed-1@{run.lower()}.example",
        f"zdr-audit {run}",
    ]


def test_what_was_made_is_removed_after_the_last_reading_and_before_the_last_probe(judged, tmp_path):
    found = judged(controls=(SETTINGS,))
    (organization, user, key) = events(tmp_path, Created)
    assert (organization.kind, organization.cleanup, organization.values) == (
        "organization",
        "organization.delete",
        {"organization": organization.id},
    )
    assert (user.kind, user.organization, key.kind, key.organization) == ("user", organization.id, "key", organization.id)
    assert found.backend.closed == [organization.id]
    assert {(r.kind, r.ok, r.detail) for r in events(tmp_path, Removed)} == {
        ("organization", True, "removed"),
        ("user", True, "went with its organization"),
        ("key", True, "went with its organization"),
    }
    assert found.report["leftovers"] == []
    removal = next(n for n, a in enumerate(found.backend.asked) if a.method == "DELETE")
    assert [a.path.rsplit("/", 1)[-1] for a in found.backend.asked[removal + 1 :]] == ["messages", "zdr", "messages", "zdr"]


def test_what_cannot_be_removed_is_listed_and_costs_no_verdict(audited):
    found = audited(refusing, controls=(SETTINGS,))
    assert (found.status, found.verdicts()[SETTINGS]) == (0, "pass")
    assert {x["kind"]: x["reason"] for x in found.report["leftovers"]} == {
        "organization": "'organization.delete' gave server_error (status 500)",
        "user": "the profile names no operation that removes what 'user.create' makes",
        "key": "the profile names no operation that removes what 'key.create' makes",
    }
    assert "Left in the target: 1 key, 1 organization, 1 user" in " ".join(found.written["out"].decode().split())
    assert b"Left in the target" in found.written["report.html"]
    assert b"Left in the target: 1 key, 1 organization, 1 user" in found.written["report.md"]


def test_the_key_itself_is_not_in_the_journal(judged, tmp_path):
    judged(controls=(SETTINGS,))
    assert all("key-of" not in created.model_dump_json() for created in events(tmp_path, Created))


def test_what_is_gone_already_is_not_left(judged):
    found = judged(lambda asked, _: said({}, 404) if asked.method == "DELETE" else None, controls=(SETTINGS,))
    assert found.report["leftovers"] == []


def stop(asked: Asked, _: Reply) -> None:
    if asked.path.endswith("/settings"):
        raise KeyboardInterrupt


def test_a_run_that_is_stopped_removes_nothing_and_lists_what_is_left(judged):
    found = judged(stop, controls=(SETTINGS,))
    assert found.backend.closed == []
    assert {x["reason"] for x in found.report["leftovers"]} == {"the run ended before it was removed"}


def test_a_run_that_is_given_up_removes_what_it_made_and_sends_nothing_else(judged, tmp_path):
    judged(stop, controls=(SETTINGS,))
    (organization, *_) = events(tmp_path, Created)
    found = judged(controls=(SETTINGS,), give_up=True)
    assert found.backend.closed == [organization.id]
    assert {a.method for a in found.backend.asked} == {"DELETE"}
    assert found.report["leftovers"] == []
    assert found.status == 3
    assert "the run was interrupted: given up by the user (--give-up)" in found.report["summary"]["reasons"]
