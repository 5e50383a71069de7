"""The smallest call of a feature that still leaks: over calls on paper, and by a run against a backend on paper that keeps what it refuses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests_mock
from engine_events import interaction
from paper_backend import BASE_URL, REFUSAL, Asked, PaperBackend, Reply, Spoil, profile, said

from suites.blocked.scenarios import declared_features, feedback
from suites.retention.scenarios import plain_requests
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.evidence.model import Hit, Reading
from zdr_audit.journal.events import Checked, Interaction, LeakReduced
from zdr_audit.profile.load import load
from zdr_audit.run.audit import Audit
from zdr_audit.run.minimise import Leak, Minimiser
from zdr_audit.run.minimise_calls import call_of, script_of
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import Violated
from zdr_audit.target.call import Call, described, words
from zdr_audit.target.shape import Feature
from zdr_audit.verdict.reduced import Reduced, Shape, shape_of

PARTS = {"body": {"text": "{canary}", "title": "t", "events": [{"message": "{canary}", "type": "user"}]}, "query": {"v": "1"}}
WHOLE = described(PARTS, "feature:sessions.create", "Sessions", "POST", "/v1/sessions").model_copy(
    update={"form": "odd-body", "form_words": "an odd body", "role": "admin"}
)
TEXT, MESSAGE = (Feature("content", path) for path in WHOLE.content)
TITLE, TYPE, VERSION = (Feature("field", path) for path in WHOLE.fields)
FORM, ROLE = Feature("form", "odd-body"), Feature("role", "admin")


class Keeping:
    """A target on paper that keeps the content of calls with these features, under a name of its own for each."""

    def __init__(self, kept: Callable[[frozenset[Feature]], bool]) -> None:
        self.kept, self.sent = kept, list[Call]()
        self.hits: list[Hit] = []

    def send(self, operation: str, shape: Shape) -> Interaction:
        assert isinstance(shape, Call) and operation == shape.operation
        self.sent.append(shape)
        canary = f"t-{len(self.sent):03d}"
        if self.kept(shape.features()):
            self.hits.append(
                Hit(source="blobs", object=f"spool/{len(self.sent):016x}", location="bytes 0-9", forms=("plain",), canary=canary)
            )
        return interaction(1000 + len(self.sent), operation=operation, canaries=(canary,), epoch="minimise", status=403, outcome="denied")

    def read(self, sources: frozenset[str], canaries: frozenset[str]) -> dict[str, Reading]:
        hits = tuple(hit for hit in self.hits if hit.canary in canaries)
        return {source: Reading(source=source, kind="files", objects=1, bytes=1, hits=hits) for source in sources}


def leak(call: Call = WHOLE) -> Leak:
    return Leak("blobs", "spool/*", call.operation, frozenset(), call.features(), ("c-00001",), call=call)


def searched(kept: Callable[[frozenset[Feature]], bool]) -> tuple[LeakReduced, Keeping]:
    target = Keeping(kept)
    (found,) = Minimiser(target.send, target.read).run([leak()])
    return found, target


@pytest.mark.parametrize(
    ("needed", "smallest"),
    [
        ({TEXT}, {TEXT}),
        ({MESSAGE}, {MESSAGE}),
        ({TEXT, FORM}, {TEXT, FORM}),
        ({MESSAGE, TYPE}, {MESSAGE, TYPE}),
        ({TEXT, ROLE}, {TEXT, ROLE}),
        ({TEXT, MESSAGE}, {TEXT, MESSAGE}),
        ({TEXT, TITLE, FORM}, {TEXT, TITLE, FORM}),
        ({MESSAGE, TYPE, VERSION, FORM, ROLE}, {MESSAGE, TYPE, VERSION, FORM, ROLE}),
    ],
    ids=["text", "message", "form", "a field beside it", "role", "both contents", "three", "five"],
)
def test_everything_is_left_out_that_the_leak_does_not_need(needed, smallest):
    found, target = searched(lambda has: needed <= has)
    assert (found.outcome, found.smallest) == ("reduced", True)
    assert shape_of(found.stimulus) == WHOLE.having(frozenset(smallest))
    assert target.sent[int(found.interaction[2:]) - 1001] == shape_of(found.stimulus), "the request that is named was sent, and leaked"
    assert len(target.sent) <= 40


def test_a_leak_of_the_smallest_call_costs_as_many_requests_as_it_has_contents():
    assert len(searched(lambda has: True)[1].sent) == 2


def test_no_call_without_content_is_sent():
    _, target = searched(lambda has: {TEXT, TITLE, VERSION, FORM, ROLE} <= has)
    assert all(call.content for call in target.sent)


def test_a_call_that_leaves_nothing_by_itself_is_called_not_reproduced():
    found, _ = searched(lambda has: False)
    assert (found.outcome, shape_of(found.stimulus)) == ("not_reproduced", WHOLE)


def test_two_endpoints_are_two_searches():
    target = Keeping(lambda has: True)
    other = WHOLE.model_copy(update={"operation": "feature:sessions.events"})
    found = Minimiser(target.send, target.read).run([leak(), leak(other)])
    assert [f.operation for f in found] == ["feature:sessions.create", "feature:sessions.events"]
    assert all(f.outcome == "reduced" for f in found)


# A run against a backend on paper.


def searched_for(tmp_path: Path, spoil: Spoil, scenario: object, broken: Callable[[Expect], None]) -> tuple[History, PaperBackend]:
    """Drive one scenario, record what its check holds against the target, and look for the smallest requests."""
    backend = PaperBackend(tmp_path, spoil)
    options = Options(target=str(profile(tmp_path)), base_url=BASE_URL, report_dir=tmp_path / "report", depth="quick")
    catalogue = load_catalogue()
    audit = Audit(options, catalogue, select(catalogue, ("ZDR-BLK-06",)), Reporter(), {})
    try:
        audit.open()
        with requests_mock.Mocker() as mocker:
            backend.mount(mocker)
            audit.drive([scenario])
            with pytest.raises(Violated) as caught:
                broken(Expect(audit.history(), audit.profile, "ZDR-BLK-06", (scenario.name,), ("main",)))
            about = {"nodeid": "n", "control": "ZDR-BLK-06", "title": "t", "after": (scenario.name,), "epochs": ("main",), "counting": ""}
            audit.record(Checked(**about, outcome="violated", message="m", findings=caught.value.findings))
            audit.minimise()
        return audit.history(), backend
    finally:
        audit.stop()


def kept(expect: Expect) -> None:
    expect.kept_nowhere(expect.some(organization="subject"))


def test_a_refused_body_that_is_kept_is_reduced_to_its_content(tmp_path):
    def spools(asked: Asked, reply: Reply) -> Reply | None:
        if reply.status == 403:
            (tmp_path / "log" / "spool.log").open("ab").write(asked.body + b"\n")
        return None

    history, backend = searched_for(tmp_path, spools, feedback, kept)
    said_of = {entry.operation: entry.words for entry in Reduced(history).entries}
    assert said_of == {
        "feature:feedback.submit": "one request to POST /api/claude_cli_feedback (Feedback submission) with content in content / description; "
        "the target refused it (status 403), and kept the content all the same",
        "feature:feedback.transcript": "one request to POST /api/claude_code_shared_session_transcripts (Feedback submission) with content in "
        "content / transcript / content; the target refused it (status 403), and kept the content all the same",
    }
    assert all(trial.epoch == "minimise" and not trial.counts for trial in history.trials.values())
    last = json.loads(next(asked.body for asked in reversed(backend.asked) if asked.path == "/api/claude_cli_feedback"))
    assert list(last) == ["content"]


def test_a_body_that_is_kept_only_with_a_field_beside_it_keeps_the_field(tmp_path):
    def spools(asked: Asked, reply: Reply) -> Reply | None:
        if reply.status == 403 and b"session_id" in asked.body and asked.path == "/api/claude_cli_feedback":
            (tmp_path / "log" / "spool.log").open("ab").write(asked.body + b"\n")
        return None

    history, _ = searched_for(tmp_path, spools, feedback, kept)
    (entry,) = Reduced(history).entries
    assert "with content in content / description, and with the field session_id; the target refused it" in entry.words
    assert (entry.outcome, entry.smallest) == ("reduced", True)


def test_content_that_a_refusal_repeats_is_reduced_without_reading_a_store(tmp_path):
    def echoes(asked: Asked, reply: Reply) -> Reply | None:
        return said({"error": asked.body.decode()}, 403) if reply.status == 403 else None

    def repeated(expect: Expect) -> None:
        expect.echoes_nothing(expect.some(organization="subject"), "the refusal must not echo the body")

    history, _ = searched_for(tmp_path, echoes, feedback, repeated)
    entries = Reduced(history).entries
    assert {entry.operation for entry in entries} == {"feature:feedback.submit", "feature:feedback.transcript"}
    assert all(entry.source == "answers" and "its content came back in the answer (status 403)" in entry.words for entry in entries)
    assert {seen.canary for check in history.checks for seen in check.findings} <= history.canaries.keys()


def test_an_answer_that_is_kept_is_reduced_to_a_request_for_it(tmp_path):
    def answers(asked: Asked, reply: Reply) -> Reply | None:
        if asked.subject and asked.path == "/v1/messages":
            (tmp_path / "log" / "answers.log").open("ab").write(reply.body + b"\n")
        return None

    def told(expect: Expect) -> None:
        expect.kept_nowhere(expect.some(organization="subject"), kinds=("response",))

    history, _ = searched_for(tmp_path, answers, plain_requests, told)
    (entry,) = Reduced(history).entries
    assert (entry.words, entry.outcome) == ("one plain request whose answer alone holds content", "reduced")


def test_an_operation_that_only_the_document_declares_is_reduced_too(tmp_path):
    schema = {"type": "object", "required": ["name", "size"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
    body = {"content": {"application/json": {"schema": schema}}}
    operation = {"x-zdr-requires-storage": True, "x-zdr-feature": "memory", "requestBody": body}

    def declares(asked: Asked, reply: Reply) -> Reply | None:
        if asked.path == "/openapi.json":
            return said({"paths": {"/v1/stores/{store}": {"post": operation}, "/v1/shelves": {"post": operation}}})
        if asked.path in ("/v1/stores/zdraudit00", "/v1/shelves"):
            if asked.subject and asked.path == "/v1/stores/zdraudit00":
                (tmp_path / "log" / "spool.log").open("ab").write(asked.body + b"\n")
            return said({"error": REFUSAL}, 403) if asked.subject else said({})
        return None

    history, backend = searched_for(tmp_path, declares, declared_features, kept)
    (entry,) = Reduced(history).entries
    assert (entry.operation, entry.outcome, entry.smallest) == ("declared:memory POST /v1/stores/{store}", "reduced", True)
    assert entry.words.startswith(
        "one request to POST /v1/stores/{store} (memory) with content in name; the target refused it (status 403)"
    )
    assert list(json.loads(backend.asked[-1].body)) == ["name"]
    assert "/v1/stores/zdraudit00" in entry.script and "x-zdr" not in entry.script


# What a call consisted of, and how anybody sends it.


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    return load("simulator", {"ZDR_SIM_DATA": str(tmp_path_factory.mktemp("data"))}, None).profile


def test_what_has_no_template_or_no_content_is_no_call(simulator):
    for operation in ("feature:gone.create", "feature:files.gone", "declared:files", "messages.create", "", "feature:files.list"):
        assert call_of(simulator, interaction(1, operation=operation, stimulus=None)) is None
    assert call_of(simulator, interaction(1, operation="feature:files.upload", labels={"form": "no-such-form"})) is None


def call(simulator, operation: str, **labels: str) -> Call:
    found = call_of(simulator, interaction(1, operation=operation, labels=labels))
    assert found is not None
    return found


def test_every_endpoint_that_carries_content_is_a_call(simulator):
    for name, feature in simulator.features.items():
        for endpoint in feature.endpoints:
            assert (call_of(simulator, interaction(1, operation=f"feature:{name}.{endpoint.name}")) is not None) is endpoint.carries


@pytest.mark.parametrize(
    ("operation", "form", "expected"),
    [
        ("feature:feedback.submit", None, ["CANARY"]),
        ("feature:files.upload", None, ["CANARY", "multipart/form-data"]),
        ("feature:batches.create", None, ["CANARY", "model-a"]),
        ("feature:feedback.submit", "body-gzip", ["base64 -d", "content-encoding: gzip"]),
    ],
)
def test_the_script_sends_the_call_that_it_describes(simulator, tmp_path, operation, form, expected):
    from zdr_audit.suite.bypass.load import load_forms

    forms = {f.body: f.id for f in load_forms() if f.group == "body"}
    whole = call(simulator, operation, **({"form": forms["gzip"]} if form else {}))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "curl").write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@" > arguments\ncat > body\n')
    (tools / "curl").chmod(0o755)
    text = script_of(simulator, whole, "model-a", "blobs, $(touch owned) `x` \n spool")
    (tmp_path / "script.sh").write_text(text)
    member = simulator.actors["subject"]["member"]
    assert member.sample not in text
    environment = {"PATH": f"{tools}:/usr/bin:/bin", member.env: "secret-of-the-test"}
    subprocess.run(["bash", "script.sh"], cwd=tmp_path, env=environment, check=True)
    assert not (tmp_path / "owned").exists()
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert "x-api-key: secret-of-the-test" in arguments
    assert (tmp_path / "body").stat().st_size > 10
    for part in expected:
        assert part in text


def test_a_form_that_curl_cannot_send_has_no_script(simulator):
    from zdr_audit.suite.bypass.load import load_forms

    texts = []
    for form in load_forms():
        whole = call(simulator, "feature:feedback.submit", form=form.id)
        text = script_of(simulator, whole, "model-a", "x")
        assert (text == "") or (not form.before and not form.pipelined)
        assert len(text) < 40_000
        assert f"sent in another form ({form.title})" in words(whole)
        texts.append(text)
    assert len([text for text in texts if text]) > 20
    assert subprocess.run(["bash", "-n"], input="\n".join(texts).encode(), check=False).returncode == 0
