"""A target that takes every call in a body, at one address: doctor and plan say of it what they say of any other."""

from __future__ import annotations

import json

import pytest
import requests_mock

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.run.cli_run import plan_suites
from zdr_audit.run.doctor import diagnose
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter

BASE_URL = "http://127.0.0.1:9"
PROFILE = """
schema = 1
name = "calls"

[target]
base_url = "http://127.0.0.1:9"
platform = "other"
dialect = "generic-json"
models = ["one"]

[generic]
body = { method = "ask", params = { text = "{text}" } }
answer = "/result/text"

[organizations]
subject = { id = "1", account = "7" }
control = { id = "2", account = "7" }

[actors.subject]
member = { env = "CALLS_SUBJECT", sample = "sample-key-one", header = "authorization", prefix = "Token" }

[actors.control]
member = { env = "CALLS_CONTROL", sample = "sample-key-two", header = "authorization", prefix = "Token" }

[operations."messages.create"]
method = "POST"
path = "/rpc"

[operations."zdr.status"]
method = "POST"
path = "/rpc"
body = { method = "status", params = { firm = "{org}" } }
accepted_when = { pointer = "/result" }
extract = { status = "/result/kept" }
means = { status = { enabled = [0, false], disabled = [1, true] } }

[[evidence]]
id = "log"
kind = "files"
what = "log"
path = "FOLDER"
"""


@pytest.fixture
def target(tmp_path) -> str:
    path = tmp_path / "calls.toml"
    path.write_text(PROFILE.replace("FOLDER", str(tmp_path)))
    return str(path)


def answer(kept, request, context):
    call = json.loads(request.body)
    assert request.headers["authorization"] in ("Token sample-key-one", "Token sample-key-two")
    assert call["method"] == "status", "nothing else changes nothing"
    return {"result": {"kept": kept[call["params"]["firm"]]}}


@pytest.mark.parametrize(
    ("kept", "states"),
    [
        ({"1": False, "2": True}, {"subject": "ok", "control": "ok"}),
        ({"1": 0, "2": 1}, {"subject": "ok", "control": "ok"}),
        ({"1": True, "2": "1"}, {"subject": "unusable", "control": "unusable"}),
    ],
)
def test_the_doctor_reads_the_status_that_a_call_in_a_body_gives(target, tmp_path, kept, states):
    options = Options(target=target, base_url=BASE_URL, report_dir=tmp_path / "report", controls=("ZDR-RET-01",))
    catalogue = load_catalogue()
    with requests_mock.Mocker() as mocker:
        mocker.get(requests_mock.ANY, status_code=404)
        mocker.post(f"{BASE_URL}/rpc", json=lambda request, context: answer(kept, request, context))
        found = diagnose(options, catalogue, select(catalogue, ("ZDR-RET-01",)), Reporter(), {})
    assert {check.name: check.state for check in found.checks if check.about == "organization"} == states
    assert {check.said for check in found.checks if check.about == "credential"} == {"zdr.status gave 200"}


def test_a_plan_knows_which_organization_is_under_zdr_though_no_path_tells(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with requests_mock.Mocker() as mocker:
        found = plan_suites(["--target", target, "--report-dir", str(tmp_path / "report"), "--depth", "quick", "--controls", "ZDR-RET-01"])
    assert not isinstance(found, str), found
    assert mocker.call_count == 0
    assert (found.tested, found.broken) == (1, {})
    asked = {row.scenario: row.count for row in found.requests if row.actor == "subject.member"}
    assert asked["retention.plain_requests"] == 5
