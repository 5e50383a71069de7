"""The smallest malformed request that still leaks, over requests on paper: what is taken away, which are looked at first, how anybody sends one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from engine_events import interaction

from zdr_audit.evidence.model import Hit, Reading
from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.run.minimise import OF_MALFORMED, REQUESTS, Leak, smallest
from zdr_audit.run.minimise_calls import script_of_malformed
from zdr_audit.target.malformed import END, ITEM, MEMBER, NAME, PLACES, UNKNOWN, VALUE, Malformed, mistake, words
from zdr_audit.target.shape import Feature, features
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.verdict.reduced import Reduced, Shape, data_of, shape_of

CANARY = "zqx123abc9stands-in-every-place-of-it"
LIST = Malformed(label="POST /v1/files", method="POST", path="/v1/files", mistake="list", content=PLACES["list"])
BROKEN = LIST.model_copy(update={"mistake": "broken", "content": PLACES["broken"]})
TYPES = LIST.model_copy(
    update={
        "mistake": "types",
        "content": ("name", "tags", UNKNOWN),
        "kinds": (("name", "string"), ("tags", "array")),
        "headers": (("anthropic-version", "2023-06-01"),),
        "role": "admin",
    }
)
QUERY = Malformed(label="GET /v1/files", method="GET", path="/v1/files", mistake="query", content=("limit",), query=(("after_id", "x y"),))
NAMED, TAGS, ELSE = (Feature("content", place) for place in TYPES.content)
VERSION = Feature("header", TYPES.headers[0])


class Keeping:
    """A target on paper that keeps the content of malformed requests with these features."""

    def __init__(self, kept: Callable[[frozenset[Feature]], bool]) -> None:
        self.kept, self.sent = kept, list[Shape]()
        self.hits: list[Hit] = []

    def send(self, operation: str, shape: Shape) -> Interaction:
        self.sent.append(shape)
        canary = f"t-{len(self.sent):03d}"
        if self.kept(features(shape) if isinstance(shape, Stimulus) else shape.features()):
            self.hits.append(Hit(source="log", object="debug.log", location="bytes 0-9", forms=("plain",), canary=canary))
        return interaction(1000 + len(self.sent), operation=operation, canaries=(canary,), epoch="minimise", status=400, outcome="accepted")

    def read(self, sources: frozenset[str], canaries: frozenset[str]) -> dict[str, Reading]:
        hits = tuple(hit for hit in self.hits if hit.canary in canaries)
        return {source: Reading(source=source, kind="files", objects=1, bytes=1, hits=hits) for source in sources}


def leak(request: Malformed, thing: str = "debug.log") -> Leak:
    return Leak("log", thing, request.operation, frozenset(), request.features(), ("c-00001",), call=request)


@pytest.mark.parametrize(
    "needed",
    [{NAMED}, {ELSE}, {NAMED, TAGS}, {TAGS, VERSION}, {NAMED, TAGS, ELSE, VERSION}],
    ids=["a member", "a name", "two members", "a header beside it", "all of it"],
)
def test_everything_is_left_out_that_the_leak_does_not_need(needed):
    target = Keeping(lambda has: needed <= has)
    (found,) = smallest([leak(TYPES)], target.send, target.read)
    assert (found.outcome, found.smallest) == ("reduced", True)
    assert shape_of(found.stimulus) == TYPES.having(frozenset(needed))
    assert all(request.content for request in target.sent)


def test_requests_that_anybody_could_send_are_looked_at_first_and_those_of_malformed_ones_are_bounded():
    plain = Stimulus(answer=False, stream=True)
    many = [leak(one.model_copy(update={"label": f"POST /v1/{n}"}), f"{n}.log") for n in range(20) for one in (LIST, BROKEN, TYPES)]
    streamed = Leak("log", "debug.log", "messages.create", frozenset({Feature("place", "message")}), features(plain), ("c-00002",))
    target = Keeping(lambda has: Feature("stream", True) in has)
    found = smallest([*many, streamed], target.send, target.read)
    assert found[-1].outcome == "reduced" and shape_of(found[-1].stimulus) == plain
    malformed = [request for request in target.sent if isinstance(request, Malformed)]
    assert len(target.sent) - len(malformed) <= REQUESTS and 0 < len(malformed) <= OF_MALFORMED
    assert target.sent[-len(malformed) :] == malformed
    assert {request.mistake for request in malformed} == {"list", "broken", "types"}
    assert {event.outcome for event in found[:-1]} == {"not_reproduced", "not_tried"}


@pytest.mark.parametrize("whole", [LIST, BROKEN, TYPES], ids=lambda one: one.mistake)
def test_each_place_of_a_body_holds_the_canary_by_itself_and_all_at_once(whole):
    def count(request: Malformed) -> int:
        return (request.body(CANARY) or b"").count(CANARY.encode())

    assert all(count(whole.having(least)) >= 1 for least in whole.least())
    assert count(whole) == sum(count(whole.having(least)) for least in whole.least())


def test_bodies_are_wrong_in_the_way_that_they_are_called():
    assert json.loads(LIST.body(CANARY)) == [CANARY, {CANARY: CANARY}]
    assert json.loads(LIST.having(frozenset({Feature("content", ITEM)})).body(CANARY)) == [CANARY]
    assert json.loads(LIST.having(frozenset({Feature("content", NAME)})).body(CANARY)) == [{CANARY: "wrong"}]
    assert json.loads(LIST.having(frozenset({Feature("content", VALUE)})).body(CANARY)) == [{"wrong": CANARY}]
    assert json.loads(TYPES.body(CANARY)) == {"name": {CANARY: [CANARY]}, "tags": CANARY, CANARY: CANARY}
    for places in ((MEMBER, END), (MEMBER,), (END,)):
        with pytest.raises(json.JSONDecodeError):
            json.loads(BROKEN.model_copy(update={"content": places}).body(CANARY))
    assert QUERY.body(CANARY) is None
    assert QUERY.target(CANARY) == f"/v1/files?after_id=x%20y&limit={CANARY}"


def test_a_request_is_said_in_words_and_read_back_from_its_data():
    assert words(LIST.having(LIST.least()[0])) == (
        "one malformed request to POST /v1/files (a list in place of the object) with content in an item"
    )
    assert words(TYPES) == (
        "one malformed request to POST /v1/files (members of the wrong type) with content in name, tags, a name that no document has, "
        "and with the header anthropic-version, with the credential of the admin"
    )
    assert words(QUERY) == (
        "one malformed request to GET /v1/files (text in the query parameter limit), and with the query parameter after_id"
    )
    for request in (LIST, BROKEN, TYPES, QUERY):
        assert shape_of(data_of(request)) == request
        assert mistake(request) in words(request)


@pytest.mark.parametrize("request_", [LIST, BROKEN, TYPES, QUERY], ids=lambda one: one.mistake)
def test_the_script_sends_the_request_that_it_describes(tmp_path, request_):
    simulator = load("simulator", {"ZDR_SIM_DATA": str(tmp_path)}, None).profile
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "curl").write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@" > arguments\ncat > body\n')
    (tools / "curl").chmod(0o755)
    (tmp_path / "script.sh").write_text(script_of_malformed(simulator, request_, "log, $(touch owned) `x` \n debug.log"))
    member = simulator.actors["subject"][request_.role]
    environment = {"PATH": f"{tools}:/usr/bin:/bin", member.env: "secret-of-the-test"}
    subprocess.run(["bash", "script.sh"], cwd=tmp_path, env=environment, check=True, stdin=subprocess.DEVNULL)
    assert not (tmp_path / "owned").exists()
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert "x-api-key: secret-of-the-test" in arguments
    assert f"{simulator.target.base_url}{request_.target('CANARY')}" in arguments
    assert (tmp_path / "body").read_bytes() == (request_.body("CANARY") or b"")


def test_that_it_was_refused_and_kept_all_the_same_is_said(tmp_path):
    target = Keeping(lambda has: True)
    (event,) = smallest([leak(BROKEN)], target.send, target.read)

    trials = {event.interaction: interaction(1001, canaries=("t-001",), epoch="minimise", status=400, outcome="accepted")}
    (entry,) = Reduced(SimpleNamespace(reduced=(event,), trials=trials)).entries
    assert entry.words == (
        "one malformed request to POST /v1/files (broken JSON) with content in a member; the target refused it (status 400), and kept the "
        "content all the same"
    )
