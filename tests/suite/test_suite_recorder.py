"""Every request that was sent is in the journal, whatever came back and whoever judged it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock

from zdr_audit.canary.digests import DigestBook
from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.journal.events import CanaryMinted, DigestsTaken, Interaction
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.model import Limits
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import Judged, Planned, Recorder, error_data, lost
from zdr_audit.target.pace import Pace
from zdr_audit.target.transport import Answer, Outgoing, Transport
from zdr_audit.target.wire import Wire

ACTOR = Actor("subject.member", "member", "subject", "org_subject", "zdr", "authorization", "sk-very-secret-1", "me@subject.example")
PLANNED = Planned("family.story", "ask", "main", "messages.create", labels={"note": "here"})


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    literal = new_literal()
    redactor = Redactor()
    redactor.add_secret(ACTOR.secret)
    redactor.set_literal(literal)
    registry = Registry(literal, b"key")
    with Journal(tmp_path / "journal.sqlite", redactor) as journal:
        digests = DigestBook(b"key")
        seeker = Seeker(literal, registry.identify, digests=digests)
        yield Recorder(Transport("http://127.0.0.1:9", 2, 1 << 20), journal, Mint(literal), registry, seeker, digests=digests)


def exchange(recorder: Recorder, judge: Callable[[Answer], Judged], actor: Actor | None = ACTOR, **answer: Any) -> Interaction:
    """Exchange one request with a target that gives this answer; the interaction as it is read back from the journal."""
    with requests_mock.Mocker() as mocker:
        mocker.register_uri(requests_mock.ANY, requests_mock.ANY, **answer)
        number = recorder.new_interaction()
        recorder.exchange(number, PLANNED, actor, Outgoing("POST", "/v1/messages", {}, b"{}"), (), judge)
    return next(e for e in recorder.journal.events() if isinstance(e, Interaction) and e.id == number)


def taken(answer: Answer) -> Judged:
    return Judged("accepted", True, "", error_data(answer))


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), RecursionError(), AttributeError("'str' object has no attribute 'get'")])
def test_an_answer_that_breaks_its_judge_is_journaled_as_malformed(recorder, error):
    def judge(_: Answer) -> Judged:
        raise error

    found = exchange(recorder, judge, text="odd")
    assert (found.outcome, found.accepted, found.status) == ("malformed", False, 200)
    assert found.error == f"the answer could not be read: {type(error).__name__}"


def test_an_interaction_says_who_asked_what_and_which_organization_was_served(recorder):
    found = exchange(recorder, taken, json={"a": 1}, headers={"request-id": "req_1", "anthropic-organization-id": "org_subject"})
    assert (found.actor, found.role, found.organization, found.organization_id) == ("subject.member", "member", "subject", "org_subject")
    assert (found.method, found.path, found.status, found.request_id, found.data) == ("POST", "/v1/messages", 200, "req_1", {"a": 1})
    assert found.labels == {"note": "here", "served_organization": "org_subject", "email": "me@subject.example"}


def test_without_an_actor_no_credential_is_sent(recorder):
    with requests_mock.Mocker() as mocker:
        mocker.register_uri(requests_mock.ANY, requests_mock.ANY, text="{}")
        recorder.exchange(recorder.new_interaction(), PLANNED, None, Outgoing("GET", "/"), (), taken)
    assert not {"authorization", "x-api-key"} & {name.lower() for name in mocker.last_request.headers}
    (found,) = [e for e in recorder.journal.events() if isinstance(e, Interaction)]
    assert (found.actor, found.organization_id) == ("nobody", "")


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_a_canary_in_a_header_is_recognised_whatever_the_status(recorder, status):
    canary_id, canary = recorder.new_canary("prompt", "message", "i-00001", "org_subject")
    found = exchange(recorder, taken, status_code=status, json={"a": 1}, headers={"x-debug-last": f"said {canary}"})
    assert found.echoes == (canary_id,)


def test_a_canary_that_comes_back_is_recognised_and_not_written(recorder):
    canary_id, canary = recorder.new_canary("prompt", "message", "i-00001", "org_subject")
    found = exchange(recorder, taken, json={"error": {"message": f"you sent {canary.upper()}"}})
    assert found.echoes == (canary_id,)
    assert found.data == {"error": {"message": "you sent [canary]"}}
    assert canary.encode() not in recorder.journal.path.read_bytes().lower()


def test_a_canary_is_journaled_by_its_keyed_digest_alone(recorder):
    canary_id, canary = recorder.new_canary("response", "answer", "i-00001", "org_subject")
    (minted,) = [e for e in recorder.journal.events() if isinstance(e, CanaryMinted)]
    assert (minted.id, minted.kind, minted.digest) == (canary_id, "response", recorder.registry.digest(canary))
    assert recorder.registry.identify(f"x{canary}y") == canary_id


def test_data_beyond_the_limit_is_left_out_and_said_to_be(recorder):
    found = exchange(recorder, lambda _: Judged("accepted", True, "", {"items": ["x" * 1_100_000]}), text="{}")
    assert found.data == {"too_large": True}


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"error": {"message": "no"}}', {"error": {"message": "no"}}),
        (b"<html>sign in</html>", {"text": "<html>sign in</html>"}),
        (b"\xff\xfe", {"text": "\ufffd\ufffd"}),
        (b"", None),
        (b"x" * 9000, {"text": "x" * 512}),
        (b'{"a": "' + b"x" * 9000 + b'"}', {"text": '{"a": "' + "x" * 505}),
        (b"[" * 5000, {"text": "[" * 512}),
    ],
)
def test_of_an_error_answer_little_is_kept(body, kept):
    assert error_data(Answer(400, {}, body, "", "", "")) == kept


def test_long_header_values_are_cut(recorder):
    assert len(exchange(recorder, taken, text="{}", headers={"request-id": "r" * 5000}).request_id or "") == 200


def test_numbers_are_not_used_twice(recorder):
    numbers = [recorder.new_interaction() for _ in range(5)] + [recorder.new_canary("prompt", "message", None, "")[0] for _ in range(5)]
    assert len(set(numbers)) == 10


def submit(
    recorder: Recorder, body: bytes, judge: Callable[[Answer], Judged] = taken, headers: dict[str, str] | None = None, **answer: Any
) -> Interaction:
    with requests_mock.Mocker() as mocker:
        mocker.register_uri(requests_mock.ANY, requests_mock.ANY, **answer)
        return recorder.exchange(
            recorder.new_interaction(), PLANNED, ACTOR, Outgoing("POST", "/v1/messages", headers or {}, body), (), judge
        )[0]


def seen(recorder: Recorder, digested: bytes) -> set[tuple[tuple[str, ...], str | None]]:
    digest = hashlib.sha256(digested).hexdigest().encode()
    return {(sighting.forms, sighting.canary) for sighting in recorder.seeker.search(b"key=" + digest)}


def test_digests_of_what_was_sent_and_answered_are_known_from_then_on(recorder):
    asked, prompt = recorder.new_canary("prompt", "message", "i-00001", "org_subject")
    headed, note = recorder.new_canary("prompt", "header", "i-00001", "org_subject")
    answered, reply = recorder.new_canary("response", "answer", "i-00001", "org_subject")
    body = json.dumps({"messages": [{"role": "user", "content": f"Please note {prompt}."}]}).encode()
    assert seen(recorder, body) == set()

    def judge(answer: Answer) -> Judged:
        return Judged("accepted", True, text=answer.body.decode().replace("|", ""))

    submit(recorder, body, judge, headers={"x-client-note": note}, text=f"{reply[:7]}|{reply[7:]} is what it joins to")
    assert seen(recorder, body) == {(("hex", "sha256", "request-body"), asked)}
    assert seen(recorder, f"Please note {prompt}.".encode()) == {(("hex", "sha256", "request-text"), asked)}
    assert seen(recorder, note.encode()) == {(("hex", "sha256", "request-header"), headed)}
    assert seen(recorder, f"{reply} is what it joins to".encode()) == {(("hex", "sha256", "answer-text"), answered)}


def test_the_journal_keeps_marks_of_digests_and_no_digest(recorder):
    _, prompt = recorder.new_canary("prompt", "message", "i-00001", "org_subject")
    body = json.dumps({"messages": [{"role": "user", "content": prompt}]}).encode()
    sent = submit(recorder, body, json={})
    (event,) = [e for e in recorder.journal.events() if isinstance(e, DigestsTaken)]
    assert event.interaction == sent.id
    written = repr(event)
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        assert hashlib.new(algorithm, body).hexdigest()[:16] not in written
    assert prompt not in written


def test_requests_without_a_canary_leave_no_marks(recorder):
    submit(recorder, b'{"name": "x"}', json={"id": "y"})
    assert not [e for e in recorder.journal.events() if isinstance(e, DigestsTaken)]


def test_a_digest_that_comes_back_is_no_echo_of_the_content(recorder):
    _, prompt = recorder.new_canary("prompt", "message", "i-00001", "org_subject")
    body = json.dumps({"prompt": prompt}).encode()
    submit(recorder, body, json={})
    assert submit(recorder, body, json={"etag": hashlib.sha256(body).hexdigest()}).echoes == ()


# -- put off by the target ------------------------------------------------------------------------------------------------------------

BUSY = {"status_code": 429, "text": "{}", "headers": {"retry-after": "3"}}


def decided(answer: Answer) -> Judged:
    return Judged("accepted", True) if answer.status == 200 else Judged("rate_limited", False)


@pytest.fixture
def asked(recorder: Recorder) -> Callable[..., tuple[list[Interaction], list[bytes], list[float]]]:
    """Exchange one request with a target that gives these answers in turn: (interactions, bodies that were sent, waits)."""

    def run(*answers: dict[str, Any], planned: Planned = PLANNED) -> tuple[list[Interaction], list[bytes], list[float]]:
        waits: list[float] = []
        now = [0.0]

        def wait(seconds: float) -> None:
            waits.append(seconds)
            now[0] += seconds

        recorder.transport.pace = Pace(Limits(retries=3), pause=wait, clock=lambda: now[0])
        canary_id, canary = recorder.new_canary("prompt", "message", "i-00001", "org_subject")
        with requests_mock.Mocker() as mocker:
            mocker.register_uri(requests_mock.ANY, requests_mock.ANY, list(answers))
            outgoing = Outgoing("POST", "/v1/messages", {}, canary.encode())
            last, _ = recorder.exchange(recorder.new_interaction(), planned, ACTOR, outgoing, (canary_id,), decided)
        found = [e for e in recorder.journal.events() if isinstance(e, Interaction)]
        assert found[-1] == last
        assert {i.canaries for i in found} == {(canary_id,)}
        return found, [r.body for r in mocker.request_history], waits

    return run


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_that_is_put_off_is_sent_again_and_each_attempt_is_journaled(asked, status):
    found, bodies, waits = asked(BUSY | {"status_code": status}, BUSY | {"status_code": status}, {"text": "{}"})
    assert [(i.status, i.accepted, i.superseded, i.retry_of) for i in found] == [
        (status, False, True, None),
        (status, False, True, found[0].id),
        (200, True, False, found[0].id),
    ]
    assert len(set(bodies)) == 1
    assert waits == [3.0, 3.0]


def test_a_target_that_stays_busy_is_left_alone_after_the_last_attempt(asked):
    found, bodies, _ = asked(BUSY)
    assert len(bodies) == 4
    assert [i.superseded for i in found] == [True, True, True, False]
    assert (found[-1].outcome, found[-1].accepted) == ("rate_limited", False)


def test_a_wait_beyond_the_bound_is_not_waited(asked):
    found, _, waits = asked(BUSY | {"headers": {"retry-after": "86400"}})
    assert ([i.superseded for i in found], waits) == ([False], [])


def test_a_429_that_is_the_answer_asked_for_is_taken_as_it_is(asked):
    found, bodies, _ = asked(BUSY, planned=Planned("family.story", "ask", "main", "messages.create", settles=(402, 429)))
    assert (len(bodies), [i.superseded for i in found]) == (1, [False])


LOST = [{"status_code": 502}, {"status_code": 504}, {"exc": requests.exceptions.ConnectionError("Connection aborted.")}]


@pytest.mark.parametrize("answer", LOST)
def test_a_request_without_an_answer_is_sent_again_as_clients_do(asked, answer):
    found, bodies, waits = asked(answer, {"text": "{}"})
    assert [(i.accepted, i.superseded, i.retry_of) for i in found] == [(False, True, None), (True, False, found[0].id)]
    assert (len(set(bodies)), waits) == (1, [0.5])


@pytest.mark.parametrize("answer", LOST)
def test_a_request_that_must_not_be_sent_twice_is_not_where_it_may_have_been_dealt_with(asked, answer):
    found, bodies, _ = asked(answer, {"text": "{}"}, planned=Planned("family.story", "enable", "main", "zdr.enable", once=True))
    assert (len(bodies), [i.superseded for i in found]) == (1, [False])


@pytest.mark.parametrize("changed", [{"abandon_after": 10}, {"wire": Wire(version="1.0")}])
def test_a_connection_that_may_be_closed_for_what_we_do_is_not_tried_again(changed):
    dropped, outgoing = Answer(None, {}, b"", "connection reset", "", ""), Outgoing("POST", "/v1/messages")
    assert lost(dropped, PLANNED, outgoing)
    assert not lost(dropped, PLANNED, replace(outgoing, **changed))


@pytest.mark.parametrize("answer", [{"status_code": 500}, {"status_code": 529}, {"status_code": 403}, {"status_code": 200}])
def test_other_answers_are_not_asked_for_again(asked, answer):
    assert len(asked(answer)[1]) == 1
