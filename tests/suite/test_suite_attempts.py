"""A request that was put off, a scenario that was broken off, an answer that never came: what was sent then counts as sent, what was seen then does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_events import SCENARIO, STORES, SUBJECT, Record, canary, control, hit, interaction
from inside import Lab

from zdr_audit.evidence.model import Frozen
from zdr_audit.journal.events import RunResumed
from zdr_audit.profile.load import load
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import Inconclusive, Violated
from zdr_audit.target.pace import Pace
from zdr_audit.target.transport import Answer, Outgoing, now
from zdr_audit.verdict.preconditions import examine

LATER = "2026-11-23T13:00:00.000000+00:00"


def resumed(record: Record, first: list[Frozen]) -> History:
    """The history of a record whose scenarios had a first attempt with these events, before the run was broken off and went on."""
    begun, *rest = record.events()
    return History([begun, *first, RunResumed(at=LATER), *rest])


def expect(history: History) -> Expect:
    return Expect(history, load("simulator", {}).profile, STORES, (SCENARIO,), ("main",))


def leaks(history: History, call: Callable[[Expect], None] = Expect.kept_nowhere) -> list[str | None]:
    """The requests that findings name."""
    try:
        call(expect(history))
    except Violated as exc:
        return [f.interaction for f in exc.findings]
    return []


def test_content_of_a_first_attempt_that_was_kept_is_found():
    record = Record()
    attempt = interaction(70, canaries=("c-00070",))
    for item in record.interactions:
        record.change(int(item.id[2:]), canaries=(f"c-{item.id[2:]}",))
    first = [canary(70, attempt), attempt]
    assert leaks(resumed(record, first)) == []
    record.read("db", [hit("c-00011"), hit("c-00070")])
    assert leaks(resumed(record, first)) == ["i-00070"]


def test_content_of_a_request_without_answer_that_was_kept_is_found():
    record = Record()
    for item in record.interactions:
        record.change(int(item.id[2:]), canaries=(f"c-{item.id[2:]}",))
    lost = canary(71, interaction(71)).model_copy(update={"organization": SUBJECT, "scenario": SCENARIO, "content": "zdr"})
    assert leaks(resumed(record, [lost])) == []
    record.read("db", [hit("c-00011"), hit("c-00071")])
    assert leaks(resumed(record, [lost])) == ["i-00071"]
    chosen = [i for i in expect(resumed(record, [lost])).interactions if i.organization == "subject"]
    assert leaks(resumed(record, [lost]), lambda e: e.kept_nowhere(chosen)) == ["i-00071"]
    elsewhere = lost.model_copy(update={"scenario": "retention.other"})
    assert leaks(resumed(record, [elsewhere])) == [], "of another scenario"


def test_an_exception_whose_story_was_broken_off_is_no_finding():
    record = Record()
    attempt = interaction(72, canaries=("c-00072",), content="exception", step="ask in the held session")
    again = interaction(6, canaries=("c-00006",), content="exception", step="ask in the held session")
    record.interactions.append(again)
    record.canaries.append(canary(6, again))
    record.read("db", [hit("c-00011"), hit("c-00072")])
    history = resumed(record, [canary(72, attempt), attempt])
    assert leaks(history, lambda e: e.kept_nowhere(e.some(step="ask in the held session"))) == []


def test_what_a_first_attempt_saw_is_not_judged_again():
    record = Record()
    first = [interaction(73, step="only once"), interaction(74)]
    history = resumed(record, [*first])
    assert expect(history).where(step="only once") == []
    assert len(expect(history).where(organization="subject")) == 5
    assert examine(history, control(STORES, "stores"), (SCENARIO,), ("main",)).sent == 5
    assert len(history.interactions) == len(record.interactions) + 2, "it was sent all the same"


def test_what_had_come_to_its_end_before_is_judged():
    begun, *rest = Record().events()
    at = next(n for n, e in enumerate(rest) if type(e).__name__ == "SourceRead")
    history = History([begun, *rest[:at], RunResumed(at=LATER), *rest[at:]])
    assert len(expect(history).where(organization="subject")) == 5
    assert history.counterpart(history.interactions["i-00001"]) is not None


def test_a_put_off_request_is_neither_counted_nor_paired():
    record = Record()
    record.interactions.insert(0, interaction(60, pair="p1", status=429, outcome="rate_limited", accepted=False, superseded=True))
    history = record.history()
    assert [i.id for i in history.earlier([SCENARIO])] == ["i-00060"]
    assert "i-00060" not in {i.id for i in history.of([SCENARIO])}
    assert [i.id for i in history.pairs["p1"]] == ["i-00001", "i-00011"]
    assert examine(history, control(STORES, "stores"), (SCENARIO,), ("main",), "subject").sent == 5


def test_an_echo_in_a_put_off_attempt_is_an_echo():
    record = Record()
    record.interactions.insert(0, interaction(60, status=429, outcome="rate_limited", accepted=False, superseded=True, echoes=("c-00001",)))
    bound = expect(record.history())
    with pytest.raises(Violated, match="i-00060"):
        bound.echoes_nothing(bound.where(organization="subject"), "no echo")


def test_an_attempt_that_was_put_off_belongs_to_the_request_that_repeats_it():
    record = Record()
    put_off = {"status": 429, "outcome": "rate_limited", "accepted": False, "superseded": True}
    record.interactions[:0] = [interaction(n, echoes=("c-00001",) if n == 61 else (), **put_off) for n in (60, 61)]
    record.change(1, retry_of="i-00060")
    record.change(2, retry_of="i-00061")
    bound = expect(record.history())
    first, second, *others = bound.where(organization="subject")
    bound.echoes_nothing([first, *others], "no echo")
    with pytest.raises(Violated, match="i-00061"):
        bound.echoes_nothing([second], "no echo")


def test_none_at_all_stays_inconclusive():
    record = Record()
    for number in range(1, 6):
        record.change(number, content="none")
    attempt = interaction(70, canaries=("c-00070",))
    with pytest.raises(Inconclusive, match="no interaction whose content could have been kept"):
        expect(resumed(record, [canary(70, attempt), attempt])).kept_nowhere()


def test_setting_a_limit_that_is_put_off_is_sent_again(tmp_path, monkeypatch):
    """Its `refused` says how requests over the limit are refused, not the call that sets it."""
    with Lab(tmp_path) as lab:
        lab.transport.pace = Pace(pause=lambda _seconds: None)
        monkeypatch.setattr(lab.transport, "send", once_busy(lab.transport.send))
        subject = lab.parties["subject"]
        lab.assay("family.story", 1).attempt("cost.set", subject.admin, step="set", org=subject, user="user_none", amount="1")
        first, again = lab.history().interactions.values()
        assert (first.status, first.superseded, again.retry_of) == (429, True, first.id)


def once_busy(send: Callable[[Outgoing], Answer]) -> Callable[[Outgoing], Answer]:
    """Puts off what is sent first."""
    busy = [Answer(429, {"retry-after": "1"}, b"{}", "", now(), now())]
    return lambda outgoing: busy.pop() if busy else send(outgoing)
