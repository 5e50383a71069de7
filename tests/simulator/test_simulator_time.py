"""What time does: standard retention ends, exceptions end, restarts change nothing. Each test has a simulator, and a clock, of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .backend import Backend, asking_for, canary, prompt

DAY = 86_400
STORES = {"zdr.db", "cache.db", "logs", "traces"}
Start = Callable[..., Backend]


def advance(backend: Backend, seconds: int) -> str:
    answer = backend.post("/operator/clock", "operator", json={"advance_seconds": seconds})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["now"])


def purge(backend: Backend) -> dict[str, int]:
    answer = backend.post("/operator/purge", "operator")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["deleted"])


def name_session(backend: Backend, kind: str, session: str, organization: str = "org_subject") -> dict[str, Any]:
    body = {"organization_id": organization, "session_id": session, "reference": "CASE-7"}
    answer = backend.post(f"/operator/{kind}", "operator", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def kept(backend: Backend, organization: str = "org_subject") -> list[dict[str, Any]]:
    return list(backend.get("/operator/exceptions", "operator", params={"organization_id": organization}).json()["data"])


def fill(backend: Backend, marker: str) -> None:
    """Puts the marker of the control organization into every kind of store."""
    backend.ask("control-member", prompt(marker)).raise_for_status()
    backend.ask("control-member", asking_for(marker)).raise_for_status()
    backend.ask("control-member", prompt(marker * 5000)).raise_for_status()
    backend.post("/v1/code/sessions", "control-member", json={"prompt": marker}).raise_for_status()
    backend.post("/v1/chat/messages", "control-member", json={"text": marker}).raise_for_status()


def test_standard_content_stays_for_its_period_and_is_then_beyond_recovery(start: Start) -> None:
    backend = start()
    marker, chat = canary(), canary()
    fill(backend, marker)
    backend.post("/v1/chat/messages", "subject-member", json={"text": chat}).raise_for_status()
    advance(backend, 28 * DAY)
    purge(backend)
    assert backend.where(marker) == STORES - {"cache.db"} | {"blobs"}
    assert backend.where(chat) == {"zdr.db"}
    advance(backend, 2 * DAY)
    deleted = purge(backend)
    assert backend.where(marker) == set()
    assert backend.where(chat) == set()
    assert (deleted["conversations"], deleted["feature_objects"], deleted["outside_messages"]) == (3, 1, 2)
    assert deleted["log_files"] >= 1
    assert backend.get("/v1/code/sessions", "control-member").json()["data"] == []


def test_purging_takes_nothing_that_is_not_due(start: Start) -> None:
    backend = start()
    old, fresh = canary(), canary()
    fill(backend, old)
    advance(backend, 31 * DAY)
    fill(backend, fresh)
    purge(backend)
    assert backend.where(old) == set()
    assert backend.where(fresh) == STORES | {"blobs"}


def test_administrative_data_outlives_the_standard_period(start: Start) -> None:
    backend = start()
    backend.ask("subject-member", prompt("Hello")).raise_for_status()
    advance(backend, 400 * DAY)
    purge(backend)
    assert len(backend.get("/v1/organizations/org_subject/users", "subject-admin").json()["data"]) == 3
    assert len(backend.get("/v1/organizations/org_subject/usage_report/claude_code", "subject-admin").json()["data"]) == 1
    assert backend.entries("org_subject")[0]["type"] == "org_created"
    assert backend.get("/v1/organizations/org_subject/zdr", "subject-admin").json()["status"] == "enabled"


def test_a_cached_prefix_is_read_until_its_time_is_over(start: Start) -> None:
    backend = start()
    system = [{"type": "text", "text": canary() * 40, "cache_control": {"type": "ephemeral"}}]
    for key in ("subject-member", "control-member"):
        read = []
        for seconds in (1, 200, 400):
            read.append(backend.ask(key, prompt("Hello", system=system)).json()["usage"]["cache_read_input_tokens"] > 0)
            advance(backend, seconds)
        read.append(backend.ask(key, prompt("Hello", system=system)).json()["usage"]["cache_read_input_tokens"] > 0)
        assert read == [False, True, True, False]


def test_the_spend_of_a_new_month_starts_at_nothing(start: Start) -> None:
    backend = start()
    backend.call("PUT", "/v1/organizations/org_subject/spend_limits/users/user_subject_member", "subject-admin", json={"amount": "1"})
    assert [backend.ask("subject-member", prompt("Hello")).status_code for _ in range(2)] == [200, 402]
    advance(backend, 32 * DAY)
    assert backend.ask("subject-member", prompt("Hello")).status_code == 200


def test_only_the_flagged_session_is_kept_in_one_table_and_for_two_years(start: Start) -> None:
    backend = start()
    before, flagged, answer, other, elsewhere = (canary() for _ in range(5))
    session = {"x_claude_code_session_id": "s-1"}
    backend.ask("subject-member", prompt(before), **session).raise_for_status()
    name_session(backend, "flags", "s-1")
    backend.ask("subject-member", prompt(flagged), **session).raise_for_status()
    backend.ask("subject-member", asking_for(answer, stream=True), **session).raise_for_status()
    backend.ask("subject-member", prompt(other), x_claude_code_session_id="s-2").raise_for_status()
    backend.ask("neighbour-member", prompt(elsewhere), **session).raise_for_status()
    for marker in (flagged, answer):
        assert backend.where(marker) == {"zdr.db"}
    assert backend.where(before) == backend.where(other) == set()
    assert len(kept(backend)) == 2
    assert {item["reason"] for item in kept(backend)} == {"flag"}
    assert kept(backend, "org_neighbour") == []
    assert backend.get("/v1/organizations/org_subject/zdr", "subject-admin").json()["status"] == "enabled"
    assert backend.entries("org_subject")[-1]["type"] == "session_flagged"
    advance(backend, 729 * DAY)
    purge(backend)
    assert backend.where(flagged) == {"zdr.db"}
    advance(backend, DAY)
    assert purge(backend)["exceptions"] == 2
    assert backend.where(flagged) == backend.where(answer) == set()


def test_flagging_again_does_not_prolong_anything(start: Start) -> None:
    backend = start()
    marker = canary()
    name_session(backend, "flags", "s-1")
    backend.ask("subject-member", prompt(marker), x_claude_code_session_id="s-1").raise_for_status()
    advance(backend, 700 * DAY)
    name_session(backend, "flags", "s-1")
    advance(backend, 30 * DAY)
    purge(backend)
    assert backend.where(marker) == set()


def test_a_hold_keeps_its_session_until_it_is_released_and_then_nothing(start: Start) -> None:
    backend = start()
    held, other, after = (canary() for _ in range(3))
    hold = name_session(backend, "holds", "s-1")["id"]
    backend.ask("subject-member", prompt(held * 500), x_claude_code_session_id="s-1").raise_for_status()
    backend.ask("subject-member", prompt(other), x_claude_code_session_id="s-2").raise_for_status()
    backend.ask("subject-member", prompt(other)).raise_for_status()
    assert [item["reason"] for item in kept(backend)] == ["hold"]
    assert backend.where(held) == {"zdr.db"}
    assert backend.call("DELETE", f"/operator/holds/{hold}", "operator").status_code == 200
    backend.ask("subject-member", prompt(after), x_claude_code_session_id="s-1").raise_for_status()
    assert kept(backend) == []
    for marker in (held, other, after):
        assert backend.where(marker) == set()
    assert backend.call("DELETE", f"/operator/holds/{hold}", "operator").status_code == 404
    assert [entry["type"] for entry in backend.entries("org_subject")][-2:] == ["hold_placed", "hold_released"]


def test_what_is_flagged_or_held_twice_survives_the_release_of_one_hold(start: Start) -> None:
    backend = start()
    for session, more in (("s-1", "holds"), ("s-2", "flags")):
        marker = canary()
        hold = name_session(backend, "holds", session)["id"]
        backend.ask("subject-member", prompt(marker), x_claude_code_session_id=session).raise_for_status()
        name_session(backend, more, session)
        backend.call("DELETE", f"/operator/holds/{hold}", "operator").raise_for_status()
        assert backend.where(marker) == {"zdr.db"}


def test_held_content_ends_after_two_years_all_the_same(start: Start) -> None:
    backend = start()
    marker = canary()
    name_session(backend, "holds", "s-1")
    backend.ask("subject-member", prompt(marker), x_claude_code_session_id="s-1").raise_for_status()
    advance(backend, 730 * DAY)
    purge(backend)
    assert backend.where(marker) == set()


def test_exceptional_content_is_read_by_the_operator_alone_and_the_reading_is_logged(start: Start) -> None:
    backend = start()
    marker = canary()
    name_session(backend, "flags", "s-1")
    backend.ask("subject-member", prompt(marker), x_claude_code_session_id="s-1").raise_for_status()
    (item,) = kept(backend)
    path = f"/operator/exceptions/{item['id']}"
    customers = {"subject-admin": "admin", "subject-member": "member"}
    for key, role in (customers | {"account-team": "account_team", "reviewer": "reviewer", "auditor": "auditor"}).items():
        before = len(backend.entries("org_subject"))
        assert backend.get(path, key).status_code == 403
        (entry,) = backend.entries("org_subject")[before:]
        assert (entry["type"], entry["outcome"], entry["actor"]["role"]) == ("exception_read", "refused", role)
    assert backend.get(path, "neighbour-admin").status_code == 404
    assert backend.get(path).status_code == 401
    assert backend.get("/operator/exceptions?organization_id=org_subject", "subject-admin").status_code == 403
    found = backend.get(path, "operator").json()
    assert marker in found["request"]
    assert found["response"]
    entry = backend.entries("org_subject")[-1]
    assert (entry["type"], entry["outcome"], entry["entity"]) == ("exception_read", "success", {"type": "exception", "id": item["id"]})


@pytest.mark.parametrize(("variant", "seconds"), [("ben-clock-a-minute-slow", -55), ("ben-clock-a-minute-fast", 55)])
def test_a_clock_that_is_wrong_is_so_by_as_much_after_it_was_moved_and_after_a_restart(start: Start, variant: str, seconds: int) -> None:
    backend = start("--variant", variant)
    for moved in (3_600, 7_200):
        said = backend.post("/operator/clock", "operator", json={"advance_seconds": 3_600}).json()["now"]
        wrong = datetime.fromisoformat(said) - datetime.now(UTC) - timedelta(seconds=moved)
        assert abs(wrong.total_seconds() - seconds) < 20
        backend.post("/operator/restart", "operator").raise_for_status()


def test_a_restart_keeps_everything(start: Start) -> None:
    backend = start()
    organization = backend.organization(zdr=True)
    marker = canary()
    fill(backend, marker)
    now = advance(backend, 3 * DAY)
    entries = backend.entries(organization.id)
    assert backend.stop() == 0
    again = start(data_dir=backend.data_dir)
    assert again.entries(organization.id) == entries
    assert again.get("/v1/files", organization.admin).status_code == 403
    assert again.get(f"/v1/organizations/{organization.id}/zdr", organization.admin).json()["status"] == "enabled"
    assert len(again.get("/v1/compliance/apps/sessions/local", "control-admin").json()["data"]) == 3
    assert advance(again, 1) > now
    assert len(again.entries("org_subject")) == len(backend_types(again))


def backend_types(backend: Backend) -> list[str]:
    """What a first start logs for the sample organization: a second start must add nothing."""
    steps = ["requested", "approved", "enabled"]
    return ["org_created", *["user_created", "api_key_created"] * 3, *(f"org_claude_code_zero_data_retention_{step}" for step in steps)]


def test_what_was_answered_survives_being_killed(start: Start) -> None:
    backend = start()
    organization = backend.organization()
    request = organization.request()
    organization.step("reviewer", f"/v1/zdr/requests/{request}/approve")
    organization.step("reviewer", f"/v1/zdr/requests/{request}/enable")
    backend.kill()
    again = start(data_dir=backend.data_dir)
    assert [e["type"].rsplit("_", 1)[1] for e in again.entries(organization.id)][-3:] == ["requested", "approved", "enabled"]
    assert again.get("/v1/files", organization.admin).status_code == 403


def test_a_kill_in_the_middle_of_a_stream_leaves_nothing_under_zdr(start: Start) -> None:
    backend = start()
    marker = canary()
    with backend.post(
        "/v1/messages", "subject-member", json=prompt(f"slowly {marker}", stream=True, max_tokens=2000), stream=True
    ) as answer:
        next(answer.iter_lines())
        backend.kill()
    assert backend.where(marker) == set()


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "1", None, 10**12])
def test_the_clock_goes_forward_by_whole_seconds_alone(backend: Backend, seconds: Any) -> None:
    assert backend.post("/operator/clock", "operator", json={"advance_seconds": seconds}).status_code == 400


def test_the_clock_has_an_end(start: Start) -> None:
    backend = start()
    statuses = [backend.post("/operator/clock", "operator", json={"advance_seconds": 315_360_000}).status_code for _ in range(12)]
    assert statuses == [200] * 10 + [409] * 2
    assert backend.ask("subject-member", prompt("Hello")).status_code == 200
