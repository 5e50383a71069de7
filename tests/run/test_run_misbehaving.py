"""The real suites against a target that misbehaves: inconclusive or a failure for the right reason, never a pass."""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest
import requests
from paper_backend import CONTROLS, REFUSAL, Asked, Reply, Spoil, said

from zdr_audit.suite.expect import Expect

RETENTION, FEEDBACK, SETTINGS = CONTROLS
JSON = {"content-type": "application/json"}
PAGE = b"<!doctype html><html><body><h1>Sign in</h1></body></html>"
ESCAPES = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x00\x08\x7f\x9b31m"
FEEDBACK_PATHS = ("/api/claude_cli_feedback", "/api/claude_code_shared_session_transcripts")


def test_an_honest_target_passes(audited):
    found = audited()
    assert (found.status, found.verdicts()) == (0, dict.fromkeys(CONTROLS, "pass"))
    assert found.control(RETENTION)["accepted"] == 17


def test_a_control_of_which_pytest_left_a_check_out_does_not_pass(audited):
    found = audited(all_known=True)
    assert found.verdicts() == {RETENTION: "pass", FEEDBACK: "pass", SETTINGS: "inconclusive"}
    assert found.control(SETTINGS)["reason"].startswith(
        "1 of its 2 checks did not run, first: suites/administration/test_through_changes.py::"
    )
    assert [s["how"] for s in found.control(RETENTION)["sight"]] == ["control", "control"]


def test_a_check_that_held_nothing_against_its_promise_is_no_pass(audited, monkeypatch):
    monkeypatch.setattr(Expect, "weigh", lambda self, count=1: None)
    found = audited()
    assert (found.status, found.verdicts()) == (3, dict.fromkeys(CONTROLS, "inconclusive"))
    assert {t["message"] for c in CONTROLS for t in found.control(c)["tests"]} == {
        "nothing in the record was held against this promise, so that it was not broken says nothing"
    }


# -- to every request ---------------------------------------------------------------------------------------------------------------


def always(reply: Reply) -> Spoil:
    return lambda _, __: reply


def broken_json(_: Asked, reply: Reply) -> Reply:
    return Reply(reply.status, reply.body[:-3], reply.headers)


def padded(_: Asked, reply: Reply) -> Reply:
    return Reply(reply.status, reply.body + b" " * 100_000, reply.headers)


def slow(_: Asked, __: Reply) -> None:
    time.sleep(0.06)


def filler(asked: Asked, _: Reply) -> Reply | None:
    return said({"type": "message", "content": [{"type": "text", "text": "Forty ships."}]}) if asked.path == "/v1/messages" else None


def raising(error: Exception) -> Spoil:
    def spoil(_: Asked, __: Reply) -> None:
        raise error

    return spoil


TO_ALL: dict[str, tuple[Spoil, str]] = {
    "malformed JSON": (broken_json, "malformed (status 200) the answer is not JSON"),
    "an empty body": (always(Reply(200, b"")), "malformed (status 200) the answer is not JSON"),
    "an empty body without type": (always(Reply(200, b"", {})), "malformed (status 200) the answer is not JSON"),
    "nothing but 204": (always(Reply(204, b"")), "unexpected (status 204)"),
    "401": (always(said({"type": "error", "error": {"type": "authentication_error"}}, 401)), "denied (status 401)"),
    "403": (
        always(said({"type": "error", "error": {"type": "permission_error", "message": REFUSAL}}, 403)),
        "refused_by_policy (status 403)",
    ),
    "404": (always(said({}, 404)), "not_found (status 404)"),
    "429": (always(said({}, 429)), "rate_limited (status 429)"),
    "500": (always(said({}, 500)), "server_error (status 500)"),
    "200 {}": (always(said({})), "malformed (status 200) the answer is not a message"),
    "200 null": (always(said(None)), "malformed (status 200) the answer is not a message"),
    "a page to sign in": (always(Reply(200, PAGE, {"content-type": "text/html"})), "malformed (status 200) the answer is not JSON"),
    "a page for JSON": (always(Reply(200, PAGE, JSON)), "malformed (status 200) the answer is not JSON"),
    "a redirect to sign in": (always(Reply(302, PAGE, {"location": "https://login.example/"})), "redirected (status 302)"),
    "time-outs": (raising(requests.exceptions.ReadTimeout("Read timed out.")), "no_answer (status None) timed out"),
    "no connection": (
        raising(requests.exceptions.ConnectionError("[Errno 111] Connection refused")),
        "no_answer (status None) connection refused",
    ),
    "JSON of absurd depth": (always(Reply(200, b"[" * 50_000, JSON)), "malformed (status 200) the answer is not JSON"),
    "deep JSON": (always(Reply(200, b"[" * 500 + b"]" * 500, JSON)), "malformed (status 200) the answer is not a message"),
    "half characters": (always(Reply(400, b'{"error": {"message": "\\ud800"}}', JSON)), "client_error (status 400)"),
    "control characters": (always(Reply(200, ESCAPES.encode(), {"request-id": ESCAPES})), "malformed (status 200) the answer is not JSON"),
}


@pytest.mark.parametrize("name", TO_ALL)
def test_nothing_passes_against_a_target_that_always_answers(judged, name):
    spoil, words = TO_ALL[name]
    found = judged(spoil)
    assert (found.status, found.verdicts()) == (3, dict.fromkeys(CONTROLS, "inconclusive"))
    reason = f"the sanity probe first failed: inference for the subject organization gave {words}"
    assert found.report["summary"]["reasons"][0] == reason
    assert all(found.control(c)["reason"].startswith(reason) for c in CONTROLS)
    assert len(found.backend.asked) <= 2, "a target that is dead at the first probe gets nothing more"


def test_answers_beside_the_question_carry_no_canary_and_prove_nothing_of_answers(judged):
    found = judged(filler, controls=("ZDR-RET-01", "ZDR-RET-02"))
    verdicts = {c["id"]: (c["verdict"], c["reason"]) for c in found.report["controls"]}
    assert found.status == 3
    assert verdicts["ZDR-RET-01"][0] == "pass", "the prompts were dealt with all the same"
    assert verdicts["ZDR-RET-02"][0] == "inconclusive"
    assert "answer" not in verdicts["ZDR-RET-01"][1]
    assert verdicts["ZDR-RET-02"][1].startswith("of 5 answers 0 followed the instruction to carry a canary (needed: 3)")


@pytest.mark.parametrize(
    ("spoil", "limits", "words"),
    [
        (padded, {"max_answer_bytes": 4096}, "malformed (status 200) the answer is larger than 4096 bytes"),
        (slow, {"timeout_seconds": 0.05}, "malformed (status 200) the answer took too long"),
    ],
    ids=["too large", "slow"],
)
def test_nothing_passes_beyond_the_limits_of_the_profile(judged, spoil, limits, words):
    found = judged(spoil, **limits)
    assert (found.status, found.verdicts()) == (3, dict.fromkeys(CONTROLS, "inconclusive"))
    assert words in found.control(RETENTION)["reason"]


# -- to some requests ---------------------------------------------------------------------------------------------------------------


def on(paths: tuple[str, ...], reply: Reply, *, subject_alone: bool = False) -> Spoil:
    """Another reply on these paths."""
    return lambda asked, _: reply if asked.path in paths and (asked.subject or not subject_alone) else None


def failing(paths: tuple[str, ...], error: Exception) -> Spoil:
    def spoil(asked: Asked, _: Reply) -> None:
        if asked.path in paths:
            raise error

    return spoil


TIMEOUT = requests.exceptions.ReadTimeout("Read timed out.")
FEEDBACK_SERVED = r"feedback must be refused for a ZDR organization, but: i-\d+ subject\.member POST /api/claude_cli_feedback -> 20"
NO_SENSE = "the same requests do not work for the control organization either, so a refusal would mean nothing"

ON_FEEDBACK: dict[str, tuple[Spoil, str, str]] = {
    "200 {} for the subject": (on(FEEDBACK_PATHS, said({}), subject_alone=True), "fail", FEEDBACK_SERVED),
    "204 for the subject": (on(FEEDBACK_PATHS, Reply(204, b""), subject_alone=True), "fail", FEEDBACK_SERVED),
    "a page for the subject": (on(FEEDBACK_PATHS, Reply(200, PAGE, {}), subject_alone=True), "fail", FEEDBACK_SERVED),
    "401 for the subject": (
        on(FEEDBACK_PATHS, said({}, 401), subject_alone=True),
        "inconclusive",
        "only 0 of 4 requests were dealt with by the target",
    ),
    "429 for the subject": (
        on(FEEDBACK_PATHS, said({}, 429), subject_alone=True),
        "inconclusive",
        "only 0 of 4 requests were dealt with by the target",
    ),
    "401 for all": (on(FEEDBACK_PATHS, said({}, 401)), "inconclusive", "only 0 of 4 requests were dealt with by the target"),
    "403 for all": (on(FEEDBACK_PATHS, said({}, 403)), "inconclusive", "only 0 of 4 requests were dealt with by the target"),
    "404 for all": (on(FEEDBACK_PATHS, said({}, 404)), "inconclusive", "only 0 of 4 requests were dealt with by the target"),
    "500 for all": (on(FEEDBACK_PATHS, said({}, 500)), "inconclusive", "only 0 of 4 requests were dealt with by the target"),
    "a redirect for all": (on(FEEDBACK_PATHS, Reply(302, b"")), "inconclusive", "only 0 of 4 requests were dealt with by the target"),
    "time-outs": (failing(FEEDBACK_PATHS, TIMEOUT), "inconclusive", "only 0 of 4 requests were dealt with by the target"),
}


@pytest.mark.parametrize("name", ON_FEEDBACK)
def test_feedback_is_judged_by_its_own_answers(judged, name):
    spoil, verdict, words = ON_FEEDBACK[name]
    found = judged(spoil, controls=(FEEDBACK, SETTINGS))
    assert found.verdicts() == {RETENTION: "not_tested", FEEDBACK: verdict, SETTINGS: "pass"}
    assert re.search(words, found.control(FEEDBACK)["reason"]), found.control(FEEDBACK)["reason"]
    assert found.status == (1 if verdict == "fail" else 3)


def test_feedback_refused_to_all_is_said_to_mean_nothing(judged):
    found = judged(on(FEEDBACK_PATHS, said({}, 404)), controls=(FEEDBACK,))
    (test,) = found.control(FEEDBACK)["tests"]
    assert (test["outcome"], test["message"]) == ("inconclusive", NO_SENSE)


def stale(days: int) -> Spoil:
    """Clients are served the same settings whatever an admin changes."""
    reply = said({"settings": {"cleanupPeriodDays": days}, "checksum": "old"})
    return lambda asked, _: reply if asked.path.endswith("/settings") and asked.method == "GET" else None


CLIENT = ("/api/claude_code/settings",)
SERVED = r"server-managed settings must be served under ZDR, but: i-\d+ "
ON_SETTINGS: dict[str, tuple[Spoil, str, str]] = {
    "stale settings": (stale(9), "fail", "a change of settings must reach the clients, but: "),
    "other settings": (stale(30), "fail", "settings from before ZDR was enabled must be served on, but: "),
    "a list for settings": (
        on(CLIENT, said({"settings": [7], "checksum": "x"})),
        "fail",
        "settings from before ZDR was enabled must be served on, but: ",
    ),
    "200 {}": (on(CLIENT, said({})), "fail", SERVED),
    "a page": (on(CLIENT, Reply(200, PAGE, {})), "fail", SERVED),
    "403": (on(CLIENT, said({}, 403)), "fail", SERVED),
    "401": (on(CLIENT, said({}, 401)), "inconclusive", "only 0 of 1 requests were dealt with"),
    "time-outs": (failing(CLIENT, TIMEOUT), "inconclusive", "only 0 of 1 requests were dealt with"),
    "no organization made": (
        on(("/v1/organizations",), said({"id": "org_x"}, 201)),
        "inconclusive",
        r"broke off: ScenarioBroken: create an organization: organization\.create as .* gave malformed \(status 201\) the answer lacks admin_key",
    ),
    "no organization allowed": (
        on(("/v1/organizations",), said({}, 403)),
        "inconclusive",
        r"broke off: ScenarioBroken: .* gave denied \(status 403\)",
    ),
    "a key that is a number": (
        on(("/v1/organizations",), said({"id": 5, "admin": {"key": 7, "email": ["x"]}}, 201)),
        "inconclusive",
        "broke off: ",
    ),
}


@pytest.mark.parametrize("name", ON_SETTINGS)
def test_settings_are_judged_by_their_own_answers(judged, name):
    spoil, verdict, words = ON_SETTINGS[name]
    found = judged(spoil, controls=(FEEDBACK, SETTINGS))
    assert found.verdicts() == {RETENTION: "not_tested", FEEDBACK: "pass", SETTINGS: verdict}
    assert re.search(words, found.control(SETTINGS)["reason"]), found.control(SETTINGS)["reason"]
    assert found.status == (1 if verdict == "fail" else 3)


# -- retention ----------------------------------------------------------------------------------------------------------------------


def inference(asked: Asked) -> bool:
    return asked.path == "/v1/messages" and asked.subject


def test_a_prompt_that_is_kept_is_a_finding_with_place_and_request(audited, tmp_path):
    def leak(asked: Asked, _: Reply) -> None:
        if inference(asked):
            (tmp_path / "log" / "debug").mkdir(exist_ok=True)
            with (tmp_path / "log" / "debug" / "bodies.log").open("ab") as file:
                file.write(b"DEBUG body=" + asked.body + b"\n")

    found = audited(leak)
    assert found.verdicts() == {RETENTION: "fail", FEEDBACK: "pass", SETTINGS: "pass"}
    assert found.status == 1
    findings = found.control(RETENTION)["findings"]
    assert len({f["request"] for f in findings}) == 12, "five plain requests, six unusual ones, and the very last of the run"
    assert {(f["source"], f["object"], f["organization"], f["model"]) for f in findings} == {
        ("log", "debug/bodies.log", "org_subject", "model-a")
    }
    assert re.fullmatch(r"bytes \d+-\d+", findings[0]["location"])
    assert b"debug/bodies.log" in found.written["out"]


def test_a_prompt_kept_by_the_control_organization_is_no_finding(judged):
    found = judged()
    (source,) = found.report["sources"]
    assert all(r["control_hits"] > 0 and r["subject_hits"] == 0 for r in source["readings"])
    assert found.control(RETENTION)["findings"] == []


def test_a_store_that_keeps_nothing_of_anybody_is_blind(judged, tmp_path):
    def forget(_: Asked, __: Reply) -> None:
        (tmp_path / "log" / "app.log").unlink(missing_ok=True)

    found = judged(forget)
    assert found.verdicts() == {RETENTION: "inconclusive", FEEDBACK: "pass", SETTINGS: "pass"}
    assert found.control(RETENTION)["reason"].startswith("the source log is empty (main epoch, first reading): there was nothing to search")
    assert found.status == 3


def test_a_store_that_cannot_be_read_is_no_clean_store(judged, tmp_path):
    def vanish(_: Asked, __: Reply) -> None:
        shutil.rmtree(tmp_path / "log", ignore_errors=True)

    found = judged(vanish)
    assert found.verdicts()[RETENTION] == "inconclusive"
    assert found.control(RETENTION)["reason"].startswith("the source log could not be read: ")


@pytest.mark.parametrize(
    "reply", [said({}, 401), said({}, 429), said({}, 500), said({}), Reply(200, PAGE, {})], ids=["401", "429", "500", "{}", "page"]
)
def test_a_target_that_serves_the_probes_alone_does_not_pass(judged, reply):
    seen = []

    def spoil(asked: Asked, _: Reply) -> Reply | None:
        if inference(asked):
            seen.append(asked)
            return reply if 1 < len(seen) < 15 else None
        return None

    found = judged(spoil)
    assert found.verdicts()[RETENTION] == "inconclusive"
    assert found.control(RETENTION)["reason"].startswith(
        "only 4 of 17 requests were dealt with by the target, at least 5 are needed (first: i-"
    )
    assert [s["ok"] for s in found.report["sanity"]] == [True, True]


def test_a_target_that_dies_half_way_taints_all_that_came_before(audited):
    count = 0

    def spoil(_: Asked, __: Reply) -> None:
        nonlocal count
        count += 1
        if count > 30:
            raise requests.exceptions.ConnectionError("[Errno 111] Connection refused")

    found = audited(spoil)
    assert (found.status, found.verdicts()) == (3, dict.fromkeys(CONTROLS, "inconclusive"))
    assert [s["ok"] for s in found.report["sanity"]] == [True, False]
    assert "the sanity probe last failed: inference for the subject organization gave no_answer" in found.report["summary"]["reasons"][0]


@pytest.mark.parametrize(
    ("organization", "status", "words"),
    [
        ("org_subject", "disabled", "the subject organization org_subject has ZDR status 'disabled', the profile needs it on"),
        ("org_control", "enabled", "the control organization org_control has ZDR status 'enabled', the profile needs it off"),
    ],
)
def test_organizations_with_another_status_than_the_profile_says_are_no_basis(judged, organization, status, words):
    def spoil(asked: Asked, reply: Reply) -> Reply | None:
        if asked.path == f"/v1/organizations/{organization}/zdr":
            return said(json.loads(reply.body) | {"status": status})
        return None

    found = judged(spoil)
    assert found.status == 3
    assert found.report["summary"]["reasons"] == [f"the sanity probe first failed: {words}"]


# -- hostile text -------------------------------------------------------------------------------------------------------------------


def test_control_characters_in_answers_change_no_verdict_and_reach_no_report(audited):
    def spoil(asked: Asked, reply: Reply) -> Reply | None:
        reply.headers["request-id"] = f"req_{ESCAPES}"
        reply.headers["anthropic-organization-id"] = ESCAPES
        if asked.path in FEEDBACK_PATHS and asked.subject:
            return Reply(403, said({"error": {"type": "permission_error", "message": REFUSAL + ESCAPES}}, 403).body, reply.headers)
        return reply

    assert audited(spoil).verdicts() == dict.fromkeys(CONTROLS, "pass")


def test_control_characters_in_what_is_found_reach_no_report(audited, tmp_path):
    def leak(asked: Asked, reply: Reply) -> None:
        reply.headers["request-id"] = ESCAPES
        if inference(asked):
            with (tmp_path / "log" / "\x1b[31mred.log").open("ab") as file:
                file.write(ESCAPES.encode() + asked.body)

    found = audited(leak)
    assert found.verdicts()[RETENTION] == "fail"


@pytest.mark.parametrize("message", ["\ud800 policy", "\u2028policy", "p" * 100_000 + "policy", {"a": "policy"}, ["policy"], 5])
def test_odd_texts_of_a_refusal_break_nothing(judged, message):
    def spoil(asked: Asked, _: Reply) -> Reply | None:
        refused = {"type": "error", "error": {"type": "permission_error", "message": message}}
        return said(refused, 403) if asked.path in FEEDBACK_PATHS and asked.subject else None

    assert judged(spoil, controls=(FEEDBACK,)).verdicts()[FEEDBACK] == "pass"


def test_a_credential_that_comes_back_in_an_answer_is_blotted_out(audited):
    def spoil(asked: Asked, reply: Reply) -> Reply | None:
        if asked.path in FEEDBACK_PATHS and asked.subject:
            message = "The key sample-key-subject-member is not allowed by policy"
            return said({"error": {"type": "permission_error", "message": message, "sample-key-subject-member": 1}}, 403)
        return None

    assert audited(spoil).verdicts() == dict.fromkeys(CONTROLS, "pass"), "and the run is sound: no credential in any file"


def test_a_prompt_that_comes_back_in_an_answer_is_blotted_out(judged):
    def spoil(asked: Asked, _: Reply) -> Reply | None:
        if asked.path in FEEDBACK_PATHS and asked.subject:
            return said({"error": {"type": "permission_error", "message": f"policy forbids {asked.body.decode()}"}}, 403)
        return None

    assert judged(spoil).verdicts() == dict.fromkeys(CONTROLS, "pass"), "and the run is sound: no canary in any file"
