"""A plan goes through the run's own steps and sends nothing, writes nothing, reads nothing, and judges nothing."""

from __future__ import annotations

import json

import pytest
import requests_mock
from paper_backend import BASE_URL, CONTROLS, WITHOUT, profile
from plan_against_journal import differences

from zdr_audit.run.audit import JOURNAL
from zdr_audit.run.cli_run import plan_suites
from zdr_audit.run.plan import Plan

RETENTION, FEEDBACK, SETTINGS = CONTROLS


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Plan for the three controls of the backend on paper; whatever went out is an error."""
    monkeypatch.chdir(tmp_path)

    def run(extra: str = "", *more: str, **limits: object) -> Plan:
        path = profile(tmp_path, **limits)
        path.write_text(path.read_text() + extra)
        arguments = [
            "--target",
            str(path),
            "--base-url",
            BASE_URL,
            "--report-dir",
            str(tmp_path / "report"),
            "--depth",
            "quick",
            *WITHOUT,
            *more,
        ]
        before = {p for p in tmp_path.rglob("*") if p.is_file()}
        with requests_mock.Mocker() as mocker:
            found = plan_suites([*arguments, *(word for control in CONTROLS for word in ("--controls", control))])
        assert not isinstance(found, str), found
        assert mocker.call_count == 0
        assert {p for p in tmp_path.rglob("*") if p.is_file()} == before, "no journal, no report"
        return found

    return run


def test_the_plan_is_what_a_run_sends(judged, planned, tmp_path):
    found = planned()
    judged()
    assert differences(found, tmp_path / "report" / JOURNAL) == []
    assert found.sent == sum(row.count for row in found.requests)
    assert (found.tested, found.not_tested, found.broken) == (3, {}, {})


def test_content_and_credentials_are_placeholders(planned):
    text = planned().model_dump_json(by_alias=True)
    assert "sample-key" not in text
    assert json.loads(text)["schema"] == "zdr-audit/plan/1"
    asked = [row for row in planned().requests if row.scenario == "retention.plain_requests"]
    assert {(row.method, row.path, row.actor, row.canaries, row.count, row.depends) for row in asked} == {
        ("POST", "/v1/messages?beta=true", "subject.member", 2, 5, False),
        ("POST", "/v1/messages?beta=true", "control.member", 2, 5, False),
    }


def test_what_is_made_is_said_with_what_becomes_of_it(planned):
    assert [(made.kind, made.count, made.removal, made.kept) for made in planned().made] == [
        ("key", 1, "went with its organization", None),
        ("organization", 1, "organization.delete", None),
        ("user", 1, "went with its organization", None),
    ]


def test_without_permission_nothing_that_changes_the_target_is_planned(planned, tmp_path):
    path = profile(tmp_path)
    allowed = next(line for line in path.read_text().splitlines() if line.startswith("allow = "))
    text = path.read_text().replace(allowed, "allow = []")
    path.write_text(text)
    with requests_mock.Mocker() as mocker:
        found = plan_suites(["--target", str(path), "--base-url", BASE_URL, "--depth", "quick"])
    assert isinstance(found, Plan)
    assert (mocker.call_count, found.changes) == (0, ())
    assert {made.operation.split(":")[0] for made in found.made} == {"feature"}, (
        "what the features themselves store, of organizations without ZDR"
    )
    assert found.not_tested["ZDR-ADM-06"] == "the profile's permissions do not allow 'settings.write'"


def test_prices_of_the_profile_give_an_amount(planned):
    free = planned().cost
    assert (free.amount, free.at_most, free.currency) == (None, None, None)
    cost = planned('\n[prices]\ninput_per_million = 1000000.0\noutput_per_million = 2000000.0\ncurrency = "EUR"\n').cost
    assert cost.amount == cost.input_tokens > 0
    assert cost.at_most == cost.input_tokens + 2 * cost.answer_tokens
    assert cost.currency == "EUR"


def test_a_budget_below_the_plan_is_said(planned):
    assert planned().budget is None
    assert planned(max_requests=20).budget == "limits.max_requests (20) is less than what is planned: the run would stop before its end"
    assert planned(max_tokens=5).budget == "limits.max_tokens (5) is less than what is planned: the run would stop before its end"


def test_a_bad_profile_is_one_line(tmp_path):
    path = profile(tmp_path)
    path.write_text(path.read_text().replace("[target]", "[target]\nbase = 1"))
    assert "target.base: unknown key" in plan_suites(["--target", str(path), "--base-url", BASE_URL])


def test_what_would_be_run_on_this_machine_is_named_and_not_run(planned, tmp_path):
    """Evidence, what measures it, a spike that is allowed; one that is not allowed is none of the run's."""
    place = tmp_path / "made"
    source = '\n[[evidence]]\nid = "%s"\nkind = "command"\nwhat = "log"\ncommand = ["touch", "%s"]\nsize_command = ["du", "-sb"]\n'
    spike = 'spike = { command = ["logger", "{canary}"] }\n'
    extra = "".join(source % (name, place) + spike for name in ("one", "other"))
    found = planned(extra)
    assert dict(found.programs) == {
        f"evidence.{number}.{key}": program for number in (1, 2) for key, program in (("command", "touch"), ("size_command", "du"))
    }
    assert not place.exists()
    assert found.base_urls == (BASE_URL,)
