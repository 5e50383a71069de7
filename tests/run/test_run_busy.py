"""The real suites against a target that is busy now and then: it is asked again, nothing else changes, and what a refused attempt left behind is found."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from paper_backend import CONTROLS, Asked, Reply, said

from zdr_audit.journal.events import Interaction
from zdr_audit.journal.store import Journal
from zdr_audit.run.audit import JOURNAL

RETENTION, FEEDBACK, SETTINGS = CONTROLS
QUICK = {"retries": 3}


def busy(status: int = 429):
    """Puts off each request once, with a wait of nothing: each by itself, for some are sent at the same time."""
    turns: Counter[tuple[str, ...]] = Counter()
    lock = Lock()

    def spoil(asked: Asked, _: Reply) -> Reply | None:
        request = (asked.organization, asked.method, asked.path, str(asked.body))
        with lock:
            turns[request] += 1
            if turns[request] % 2 == 0:
                return None
        return Reply(status, b'{"type": "error", "error": {"type": "rate_limit_error"}}', {"retry-after": "0"})

    return spoil


def interactions(folder) -> list[Interaction]:
    with Journal(folder / "report" / JOURNAL, read_only=True) as journal:
        return [e for e in journal.events() if isinstance(e, Interaction)]


def test_a_busy_target_is_asked_again_and_the_verdicts_are_those_of_an_idle_one(judged, tmp_path):
    idle = judged()
    for status in (429, 503):
        found = judged(busy(status), **QUICK)
        assert (found.status, found.verdicts()) == (idle.status, idle.verdicts()) == (0, dict.fromkeys(CONTROLS, "pass"))
        for control in CONTROLS:
            same = ("sent", "accepted")
            assert {k: found.control(control)[k] for k in same} == {k: idle.control(control)[k] for k in same}
        seen = interactions(tmp_path)
        assert len(seen) == len(found.backend.asked) == 2 * len(idle.backend.asked), "each attempt is journaled, and counts as sent"
        put_off = [i for i in seen if i.status == status]
        assert all(i.superseded for i in put_off)
        assert Counter(i.retry_of for i in seen if i.retry_of) == Counter(i.id for i in put_off)


def test_a_put_off_attempt_that_was_written_down_is_found_though_the_next_one_was_not(judged, tmp_path):
    busy_once = busy()

    def spoil(asked: Asked, reply: Reply) -> Reply | None:
        answer = busy_once(asked, reply)
        if answer is not None and asked.path == "/v1/messages" and asked.subject:
            with (tmp_path / "log" / "refused.log").open("ab") as file:
                file.write(asked.body + b"\n")
        return answer

    found = judged(spoil, controls=(RETENTION,), **QUICK)
    assert (found.status, found.verdicts()[RETENTION]) == (1, "fail")
    findings = found.control(RETENTION)["findings"]
    assert {f["object"] for f in findings} == {"refused.log"}
    assert len({f["request"] for f in findings}) == 12
    assert {f["request"] for f in findings} <= {i.id for i in interactions(tmp_path) if i.superseded}


def test_a_target_that_stays_busy_for_one_organization_decides_nothing(judged):
    def spoil(asked: Asked, _: Reply) -> Reply | None:
        return said({}, 429) if asked.subject and "feedback" in asked.path else None

    found = judged(spoil, controls=(FEEDBACK,), retries=1, retry_wait_total_seconds=0.6)
    assert found.verdicts()[FEEDBACK] == "inconclusive"
