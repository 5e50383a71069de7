"""Conversations that grow, requests with many of a thing, and requests with less in their address, sent to the reference simulator."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inside import Lab

from suites.retention import scenarios
from zdr_audit.profile.operation import Operation
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import Conversation, How
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.party import NotThere
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.transport import Answer, Outgoing, now

REFUSED = Answer(400, {}, b'{"type": "error", "error": {"type": "invalid_request_error", "message": "too many"}}', "", now(), now())


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path) as lab:
        yield lab


@pytest.fixture
def sent(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> list[Outgoing]:
    """What goes out."""
    found: list[Outgoing] = []
    send = lab.transport.send

    def listen(outgoing: Outgoing) -> Answer:
        found.append(outgoing)
        return send(outgoing)

    monkeypatch.setattr(lab.transport, "send", listen)
    return found


def bodies(sent: list[Outgoing]) -> list[Any]:
    return [json.loads(outgoing.body or b"") for outgoing in sent]


def quick(lab: Lab, story: Scenario, offered: frozenset[str] | None = None) -> Assay:
    assay = lab.assay(story.name, 1, "quick")
    assay.offered = assay.offered if offered is None else offered
    return assay


def with_operation(assay: Assay, name: str, **spec: Any) -> Assay:
    """The hands of a target whose profile gives the operation otherwise."""
    operation = Operation.model_validate({"method": "POST", "path": "/v1/messages", **spec})
    assay.profile = assay.profile.model_copy(update={"operations": {**assay.profile.operations, name: operation}})
    return assay


# -- conversations ------------------------------------------------------------------------------------------------------------------


def test_each_request_of_a_conversation_carries_the_canaries_of_those_before(lab, sent):
    assay, grown = lab.assay("family.story", 1), Conversation()
    stimulus = Stimulus(places=frozenset({"system", "message"}))
    for _ in range(3):
        assay.infer(assay.subject.member, stimulus, step="go on", how=How(conversation=grown))
    history = lab.history()
    asked = list(history.interactions.values())
    assert [len(item.canaries) for item in asked] == [3, 5, 7]
    assert all(set(before.canaries) < set(after.canaries) for before, after in itertools.pairwise(asked))
    places = [(minted.place, minted.interaction) for minted in history.canaries.values()]
    assert [owner for place, owner in places if place == "system"] == ["i-00001"], "the system prompt says the same throughout"
    assert [owner for place, owner in places if place == "message"] == [item.id for item in asked]
    assert [len(body["messages"]) for body in bodies(sent)] == [1, 3, 5]
    assert [item.stimulus.get("turns", 0) for item in asked] == [0, 1, 2] and all(item.accepted for item in asked)


def test_a_conversation_that_goes_on_under_another_promise_repeats_what_was_said_and_answers_for_what_is_new_alone(lab, sent):
    assay, before = lab.assay("family.story", 1), Conversation()
    assay.infer(assay.control.member, Stimulus(cache=True), step="before", how=How(conversation=before))
    after = before.under_another_promise()
    for _ in range(2):
        assay.infer(assay.control.under("zdr").member, Stimulus(cache=True), step="after", how=How(conversation=after))
    old, new, newest = lab.history().interactions.values()
    assert not set(old.canaries) & set(new.canaries) and set(new.canaries) < set(newest.canaries)
    asked = [json.dumps(body["messages"]).replace(', "cache_control": {"type": "ephemeral"}', "") for body in bodies(sent)]
    assert all(later.startswith(earlier[:-1]) for earlier, later in itertools.pairwise(asked))


def test_no_answer_is_sent_again_as_what_the_model_said(lab, sent):
    assay, grown = lab.assay("family.story", 1), Conversation()
    for _ in range(2):
        assay.infer(assay.control.member, Stimulus(), step="go on", how=How(conversation=grown))
    first = next(iter(lab.history().interactions.values()))
    answered = {canary for canary in first.echoes if lab.history().canaries[canary].kind == "response"}
    assert answered and not answered & set(lab.recorder._echoes(sent[-1].body or b""))


def test_two_conversations_know_nothing_of_each_other(lab, sent):
    assay = lab.assay("family.story", 1)
    for _ in range(2):
        assay.infer(assay.subject.member, Stimulus(), step="begin", how=How(conversation=Conversation()))
    one, two = lab.history().interactions.values()
    assert not set(one.canaries) & set(two.canaries)
    assert [len(body["messages"]) for body in bodies(sent)] == [1, 1]


def test_where_a_target_takes_no_earlier_turns_each_request_says_its_own_alone(lab, sent):
    assay = quick(lab, scenarios.a_long_session, frozenset({"message", "system", "answer", "cache", "stream"}))
    scenarios.a_long_session.drive(assay)
    said = bodies(sent)
    assert {len(body["messages"]) for body in said} == {1} and len(said) == 11
    assert len({json.dumps(body["system"]) for body in said}) == 2, "one beginning for each organization, used again and again"
    assert {item.stimulus.get("turns", 0) for item in lab.history().interactions.values()} == {0}


def test_a_session_grows_as_that_of_the_real_client(lab, sent):
    scenarios.a_long_session.drive(quick(lab, scenarios.a_long_session))
    items = list(lab.history().interactions.values())
    assert all(item.accepted for item in items)
    assert [item.stimulus.get("turns", 0) for item in items] == [0, 1, 2, 3, 5, 9, 20, 60, 0, 1, 60]
    assert [item.organization for item in items] == ["subject"] * 8 + ["control"] * 3
    said = bodies(sent)[:8]
    assert all(len(body["tools"]) == 16 and body["stream"] for body in said)
    assert len({json.dumps([body["tools"], body["system"]]) for body in said}) == 1
    assert len({outgoing.headers["x-claude-code-session-id"] for outgoing in sent[:8]}) == 1
    assert len(said[-1]["messages"]) > 2 * 60
    for before, after in itertools.pairwise(said):
        old, new = (json.dumps(body["messages"]).replace(', "cache_control": {"type": "ephemeral"}', "") for body in (before, after))
        assert new.startswith(old[:-1])


# -- few and many -------------------------------------------------------------------------------------------------------------------


def test_each_thing_comes_as_a_few_and_as_many_for_both_organizations(lab, sent):
    scenarios.few_and_many.drive(quick(lab, scenarios.few_and_many))
    items = list(lab.history().interactions.values())
    assert [(item.organization, item.accepted, item.counts) for item in items] == [
        (who, True, False) for _ in range(4) for who in ("subject", "control")
    ]
    for name in ("turns", "tools", "copies"):
        counts = {item.stimulus[name] for item in items if name in item.stimulus}
        assert 3 in counts and max(counts) >= 12, f"a few and many {name}"
    assert all(len(body) < 100_000 for body in (outgoing.body or b"" for outgoing in sent))


def test_where_there_is_one_of_each_thing_there_are_no_few_and_no_many(lab):
    with pytest.raises(NotThere, match="the dialect anthropic-messages or the target has one of each thing at most"):
        scenarios.few_and_many.drive(quick(lab, scenarios.few_and_many, frozenset({"message", "answer"})))


def test_what_a_target_takes_few_of_is_refused_and_no_failure(lab, monkeypatch):
    send = lab.transport.send

    def narrow(outgoing: Outgoing) -> Answer:
        return send(outgoing) if (outgoing.body or b"").count(b"Note:") < 3 else REFUSED

    monkeypatch.setattr(lab.transport, "send", narrow)
    scenarios.few_and_many.drive(quick(lab, scenarios.few_and_many))
    seen = {(item.outcome, item.counts) for item in lab.history().interactions.values()}
    assert seen == {("accepted", False), ("client_error", False)}


# -- less in the address ------------------------------------------------------------------------------------------------------------


def test_what_the_profile_adds_to_the_address_is_left_out_plain_and_streamed(lab, sent):
    scenarios.requests_with_less_in_their_address.drive(quick(lab, scenarios.requests_with_less_in_their_address))
    assert [outgoing.raw_path for outgoing in sent] == ["/v1/messages"] * 4
    items = list(lab.history().interactions.values())
    assert [(i.organization, i.stimulus.get("stream", False), i.accepted, i.counts) for i in items] == [
        ("subject", False, True, False), ("control", False, True, False), ("subject", True, True, False), ("control", True, True, False),
    ]  # fmt: skip
    assert {tuple(item.stimulus["without"]) for item in items} == {("beta",)}


def test_tokens_are_counted_without_it_too(lab, sent):
    assay = quick(lab, scenarios.requests_with_less_in_their_address)
    path = "/v1/messages/count_tokens"
    with_operation(assay, "messages.count_tokens", path=path, query={"beta": "true"}, extract={"tokens": "/input_tokens"})
    scenarios.requests_with_less_in_their_address.drive(assay)
    assert [outgoing.raw_path for outgoing in sent] == ["/v1/messages"] * 4 + [path] * 2
    assert all(item.accepted for item in lab.history().interactions.values())


def test_whose_a_request_is_and_what_the_dialect_says_is_never_left_out(lab):
    query = {"beta": "true", "tenant": "{org}", "billed": "acct_sample", "api-version": "2026-01"}
    headers = {"anthropic-version": "2023-06-01", "Content-Type": "application/json", "x-of": "for org_control", "x-talk": "{session}"}
    assay = with_operation(lab.assay("family.story", 1), "messages.create", query=query, headers=headers | {"anthropic-beta": "tools"})
    assert assay.optional("messages.create") == ("beta", "api-version", "anthropic-beta")
    needed = {"stimulus:without:api-*": "the target has no version of its own choice"}
    assay.profile = assay.profile.model_copy(update={"absent": needed})
    assert assay.optional("messages.create") == ("beta", "anthropic-beta")


def test_a_profile_that_adds_nothing_has_nothing_to_be_left_out(lab):
    assay = with_operation(quick(lab, scenarios.requests_with_less_in_their_address), "messages.create")
    with pytest.raises(NotThere, match="the profile adds nothing to the address of inference that other clients may leave out"):
        scenarios.requests_with_less_in_their_address.drive(assay)


def test_an_operation_without_some_of_its_address_is_otherwise_the_same():
    whole = Operation(method="POST", path="/ask", query={"beta": "true", "tier": "1"}, headers={"x-beta": "on"}, body={"a": 1})
    assert whole.without(()) is whole
    assert whole.without(("beta", "x-beta")) == Operation(method="POST", path="/ask", query={"tier": "1"}, body={"a": 1})
