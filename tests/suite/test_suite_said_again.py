"""The same words in another place: to another model, where tokens are counted, in a report of another shape, in a session that was begun before ZDR."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from inside import Lab

from suites.blocked import scenarios as blocked
from suites.blocked.test_bypass import (
    test_nothing_is_kept_of_an_inference_for_naming_what_was_begun_before_as_its_session as not_kept_in_it,
)
from suites.retention.reports import ODD_SHAPES, odd, takes
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.stimulus import IN_BLOCKS

RETENTION = importlib.import_module("suites.retention.scenarios")
REPORTED = RETENTION.reports_of_clients
REPEATED, COUNTED = RETENTION.repeated_requests, RETENTION.token_counting
MODELS = ("claude-haiku-sim-1", "claude-sonnet-sim-1", "claude-opus-sim-1")


def kept(lab: Lab, place: str) -> list[bytes]:
    """What lies in a folder of the simulator's object store."""
    return [path.read_bytes() for path in (lab.parts.stores.blobs.folder / place).glob("*")]  # type: ignore[attr-defined]


# -- to another model ---------------------------------------------------------------------------------------------------------------


def _repeated(lab: Lab, models: tuple[str, ...], depth: str = "quick") -> History:
    assay = lab.assay(REPEATED.name, 1, depth)
    assay.models = models
    REPEATED.drive(assay)
    return lab.history()


@pytest.mark.parametrize(("depth", "asked"), [("quick", [(0, 1), (0, 2)]), ("standard", [(0, 1, 2), (0, 2, 1)])])
def test_another_model_is_asked_the_same_with_the_same_canaries(tmp_path: Path, depth: str, asked: list[tuple[int, ...]]) -> None:
    with Lab(tmp_path) as lab:
        history = _repeated(lab, MODELS, depth)
    for organization in ("subject", "control"):
        sent = [i for i in history.interactions.values() if i.step == "ask another model the same" and i.organization == organization]
        assert [i.model for i in sent] == [MODELS[n] for turn in asked for n in turn]
        assert {i.outcome for i in sent} == {"accepted"} and {i.counts for i in sent} == {organization == "subject"}
        assert len({i.canaries for i in sent}) == 2, "one set of canaries for the plain requests, one for the streamed"
        assert [(i.stimulus or {})["model"] for i in sent] == [i.model for i in sent], "each can be sent again as what it was"
    retried = [i for i in history.interactions.values() if i.step == "fail, then retry" and i.organization == "subject"]
    assert [(i.status, i.model) for i in retried] == [(529, MODELS[0]), (200, MODELS[0]), (200, MODELS[1])]


def test_a_target_with_one_model_is_asked_no_other(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        history = _repeated(lab, MODELS[:1])
    assert {i.model for i in history.interactions.values() if i.model} == {MODELS[0]}
    assert "ask another model the same" not in {i.step for i in history.interactions.values()}


def test_what_is_kept_of_pairs_of_models_is_there_to_be_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "ret-same-prompt-for-two-models") as lab:
        _repeated(lab, MODELS)
        assert len(kept(lab, "comparisons")) >= 6, "plain, streamed and after a failure, of both organizations"


# -- where tokens are counted -------------------------------------------------------------------------------------------------------


def _counted(lab: Lab, missing: frozenset[str] = frozenset()) -> History:
    assay = lab.assay(COUNTED.name, 1, "quick")
    assay.offered = AnthropicMessages.features - missing
    COUNTED.drive(assay)
    return lab.history()


def test_tokens_are_counted_of_every_kind_of_attachment(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        history = _counted(lab)
    sent = list(history.interactions.values())
    assert {(i.operation, i.outcome) for i in sent} == {("messages.count_tokens", "accepted")}
    assert [i.organization for i in sent] == ["subject", "control"] * 6 and all(history.counterpart(i) for i in sent[::2])
    said = [[c.place for c in history.canaries.values() if c.interaction == i.id] for i in sent[::2]]
    assert said[2:] == [["image"], ["document"], ["result_image", "result_document", "document_text", "document_image"], ["document"]]
    assert [(i.stimulus or {}).get("pdf", False) for i in sent[::2]] == [False] * 5 + [True]


def test_a_target_without_attachments_counts_words_alone(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        history = _counted(lab, frozenset({"image", "document", *IN_BLOCKS}))
    assert {c.place for c in history.canaries.values()} == {"message", "system"}
    assert [(left.stimuli, left.features) for left in history.left_out] == [
        (4, ("image", "document", "result_image", "result_document", "document_text", "document_image"))
    ]


def test_what_is_kept_of_counted_images_is_there_to_be_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "ret-counted-images") as lab:
        _counted(lab)
        assert sum(data.startswith(b"\x89PNG") for data in kept(lab, "measured")) >= 4, "alone and in a result, of both organizations"


# -- in a report of another shape ---------------------------------------------------------------------------------------------------

EVENT = {"name": "asked", "prompt": "x"}


@pytest.mark.parametrize(
    ("shape", "report", "sent"),
    [
        ("no list", {"v": 1, "events": [EVENT, EVENT]}, {"v": 1, **EVENT}),
        ("no list", {"events": ["x"]}, {"event": "x"}),
        ("an object", {"v": 1, "events": [EVENT, EVENT]}, {"v": 1, "events": EVENT}),
        ("a text", {"v": 1, "events": [EVENT]}, {"v": 1, "events": json.dumps([EVENT])}),
        ("a bare list", {"v": 1, "events": [EVENT]}, [EVENT]),
        ("an object", [EVENT], EVENT),
        ("a text", [EVENT], json.dumps([EVENT])),
        ("an object", {"batch": {"v": 1, "events": [EVENT]}}, {"batch": {"v": 1, "events": EVENT}}),
        ("a bare list", {"v": 1, "batch": {"events": [EVENT]}}, {"v": 1, "batch": [EVENT]}),
        ("an object", {"versions": [1, 2], "events": [EVENT]}, {"versions": [1, 2], "events": EVENT}),
    ],
)
def test_a_report_in_an_odd_shape_says_what_it_said(shape: str, report: Any, sent: Any) -> None:
    assert takes(shape, report)
    body, headers = odd(shape, json.dumps(report).encode(), {"a": "b"})
    assert (json.loads(body or b""), headers) == (sent, {"a": "b"})


@pytest.mark.parametrize("report", [{}, [], None, "x", EVENT, {"events": []}, {"batch": {"events": []}}])
def test_a_report_without_a_list_has_no_odd_shape_and_stays(report: Any) -> None:
    assert not any(takes(shape, report) for shape in ODD_SHAPES)
    assert [odd(shape, json.dumps(report).encode(), {})[0] for shape in ODD_SHAPES] == [json.dumps(report).encode()] * 4


def test_a_list_alone_is_no_other_list_and_what_is_no_json_stays() -> None:
    assert [shape for shape in ODD_SHAPES if takes(shape, [EVENT])] == ["an object", "a text"]
    assert [odd("a text", body, {})[0] for body in (b"not json", b"", None)] == [b"not json", b"", None]


def test_reports_of_odd_shapes_are_sent_and_may_be_refused(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        REPORTED.drive(lab.assay(REPORTED.name, 1, "quick"))
        sent = [i for i in lab.history().interactions.values() if i.step.startswith("report in ")]
    assert [(i.operation, i.step, i.status) for i in sent] == [
        ("events.send", "report in no list", 200),
        ("events.send", "report in an object", 200),
        ("events.send", "report in a text", 200),
        ("events.send", "report in a bare list", 400),
        ("metrics.send", "report in no list", 200),
    ]
    assert all(i.canaries and i.content == "zdr" and not i.counts for i in sent)


def test_a_profile_whose_reports_have_no_list_goes_without(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        single = {"event_name": "asked", "prompt": "Look into {canary}"}
        asked = {n: op.model_copy(update={"body": single}) if n.endswith(".send") else op for n, op in lab.profile.operations.items()}
        lab.profile = lab.profile.model_copy(update={"operations": asked})
        REPORTED.drive(lab.assay(REPORTED.name, 1, "quick"))
        assert not [i for i in lab.history().interactions.values() if i.step.startswith("report in ")]


def test_what_is_kept_of_reports_in_no_list_is_there_to_be_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "ret-events-in-no-list") as lab:
        REPORTED.drive(lab.assay(REPORTED.name, 1, "quick"))
        assert len(kept(lab, "dead-letters")) == 3


# -- in a session that was begun before ---------------------------------------------------------------------------------------------


def _begun(lab: Lab, scenario: Scenario, missing: frozenset[str] = frozenset()) -> Expect:
    assay = lab.assay(scenario.name, 0, "quick")
    assay.offered = AnthropicMessages.features - missing
    scenario.drive(assay)
    return Expect(lab.history(), lab.profile, "ZDR-BLK-19", (scenario.name,), ("main",))


def test_inference_names_what_was_begun_before(tmp_path: Path) -> None:
    features = ["web_sessions", "remote_sessions", "files", "batches"]
    said: list[str] = []
    with Lab(tmp_path) as lab:
        send = lab.transport.send

        def listen(outgoing: Any) -> Any:
            said.append(outgoing.headers.get("x-claude-code-session-id", ""))
            return send(outgoing)

        lab.transport.send = listen  # type: ignore[method-assign]
        expect = _begun(lab, blocked.everything_begun_before)
        not_kept_in_it(expect)
        begun = [c.id for c in expect.history.created if c.operation.startswith("feature:")]
    asked = expect.where(step=blocked.ASKED_WITHIN)
    assert [i.labels["begun"] for i in asked] == features
    assert {(i.outcome, i.content, i.operation, i.counts) for i in asked} == {("accepted", "zdr", "messages.create", False)}
    named = [name for name in said if name]
    assert named[2::3] == begun[: len(features)] and not {*named[::3], *named[1::3]} & {*begun}, "two strangers before each"


def test_where_requests_name_no_session_none_is_named(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = _begun(lab, blocked.everything_begun_before, frozenset({"session"}))
    assert expect.where(step="existing"), "the rest of the story is told"
    with pytest.raises(DoesNotApply):
        not_kept_in_it(expect)


def test_where_a_feature_merely_leaves_the_promise_nothing_is_asked_within_it(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        target = lab.profile.target.model_copy(update={"enforcement": "leaves_promise"})
        lab.profile = lab.profile.model_copy(update={"target": target})
        assert not _begun(lab, blocked.everything_begun_before).where(step=blocked.ASKED_WITHIN)


def test_a_target_that_refuses_to_be_asked_within_keeps_the_promise(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        expect = _begun(lab, blocked.everything_begun_before)
    refused = {"outcome": "client_error", "accepted": False, "status": 404}
    expect.interactions = [i.model_copy(update=refused) if i.step == blocked.ASKED_WITHIN else i for i in expect.interactions]
    not_kept_in_it(expect)


def test_what_is_kept_within_a_session_is_there_to_be_found(tmp_path: Path) -> None:
    with Lab(tmp_path, "blk-inference-continues-session") as lab:
        expect = _begun(lab, blocked.everything_begun_before)
        asked = {i.organization_id for i in expect.where(step=blocked.ASKED_WITHIN)}
        assert sum(b'"response"' in data for name in asked for data in kept(lab, name)) == 2
