"""The order checker: histories made from a real order are explained, corrupted ones are not, and what it cannot tell it does not claim."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zdr_audit.profile.audit import AuditTypes
from zdr_audit.suite.linear.order import Event, find_order
from zdr_audit.suite.linear.record import expected_of, falling
from zdr_audit.suite.linear.workflow import DENIED, Deed, Entry, Workflow, World

# -- the checker itself, over a register --------------------------------------------------------------------------------------------

Register = tuple[str, int]  # ("write" or "read", value)


def register(state: int, value: Register) -> list[int]:
    kind, number = value
    if kind == "write":
        return [number]
    return [state] if number == state else []


def looks(value: Register) -> bool:
    return value[0] == "read"


def at(number: float) -> str:
    return f"{number:012.4f}"


def event(name: str, began: float, ended: float | None, value: Register) -> Event[Register]:
    return Event(name, at(began), None if ended is None else at(ended), value)


def by_brute_force(events: list[Event[Register]]) -> bool:
    """Every order of every choice of unanswered events, tried out."""
    sure = [e for e in events if e.ended is not None]
    unsure = [e for e in events if e.ended is None]
    for taken in range(1 << len(unsure)):
        chosen = sure + [e for n, e in enumerate(unsure) if taken >> n & 1]
        for order in permutations(chosen):
            if any(two.ended is not None and two.ended < one.began for n, one in enumerate(order) for two in order[n + 1 :]):
                continue
            states = [0]
            for item in order:
                states = [after for state in states for after in register(state, item.value)]
            if states:
                return True
    return False


histories = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 12), st.booleans(), st.sampled_from(["write", "read"]), st.integers(0, 2)),
    max_size=5,
)


@given(histories)
@settings(max_examples=300, deadline=None, database=None)
def test_it_agrees_with_trying_out_every_order(drawn: list[tuple[int, int, bool, str, int]]) -> None:
    events = [
        event(f"e{n}", began, began + length if answered else None, (kind, value))
        for n, (began, length, answered, kind, value) in enumerate(drawn)
    ]
    expected = "found" if by_brute_force(events) else "none"
    assert find_order(events, 0, register, looks=looks).result == find_order(events, 0, register).result == expected


def test_what_changes_nothing_now_may_still_have_come_later() -> None:
    events = [event("a", 0, 9, ("write", 0)), event("b", 0, 9, ("write", 1)), event("r", 10, 11, ("read", 0))]
    assert find_order(events, 0, register, looks=looks).order == ("b", "a", "r")


def test_an_order_that_was_found_can_be_followed() -> None:
    events = [
        event("a", 0, 10, ("write", 1)),
        event("b", 1, 9, ("read", 0)),
        event("c", 2, 8, ("read", 1)),
        event("d", 11, 12, ("read", 1)),
    ]
    assert find_order(events, 0, register).order == ("b", "a", "c", "d")


def test_what_was_answered_before_another_began_comes_first() -> None:
    events = [event("w", 0, 1, ("write", 1)), event("r", 2, 3, ("read", 0))]
    found = find_order(events, 0, register)
    assert (found.result, found.order, found.stuck) == ("none", ("w",), ("r",))


def test_an_unanswered_event_may_have_happened_or_not() -> None:
    lost = event("w", 0, None, ("write", 1))
    assert find_order([lost, event("r", 5, 6, ("read", 1))], 0, register).result == "found"
    assert find_order([lost, event("r", 5, 6, ("read", 0))], 0, register).result == "found"
    assert find_order([lost, event("r", 5, 6, ("read", 1)), event("s", 7, 8, ("read", 0))], 0, register).result == "none"


def test_a_search_beyond_its_bounds_is_not_known() -> None:
    events = [event(f"w{n}", 0, 10, ("write", n)) for n in range(8)] + [event("r", 11, 12, ("read", 99))]
    assert find_order(events, 0, register, budget=50).result == "unknown"
    assert find_order(events, 0, register).result == "none"


def test_nothing_done_is_in_order_unless_an_end_is_asked_for() -> None:
    assert find_order([], 0, register).result == "found"
    assert find_order([], 0, register, final=lambda state: state == 1).result == "none"


# -- the workflow and its log -------------------------------------------------------------------------------------------------------

KINDS = ("requested", "approved", "rejected", "enabled", "disabled")


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Event[Deed]], list[Entry]]:
    """A true history: actions take effect one after the other, at a moment within their time; the log has them in that order."""
    rules = Workflow(log=None)
    world = World()
    events: list[Event[Deed]] = []
    log: list[Entry] = []
    for number in range(draw(st.integers(3, 14))):
        moment = 10.0 * number
        began = moment - draw(st.integers(0, 25))
        ended = moment + draw(st.integers(0, 25))
        if draw(st.integers(0, 3)) == 0:
            deed = Deed("seen", "success", zdr=world.zdr)
        else:
            kind = draw(st.sampled_from(KINDS))
            request = f"r{number}" if kind == "requested" else draw(st.sampled_from([name for name, _ in world.requests] or ["none"]))
            tried = Deed(kind, "success", "reviewer", reference=f"ref{number}", request=request)
            after = list(rules.step(world, tried))
            deed = tried if after else replace(tried, outcome="refused")
            world = after[0] if after else world
            log.append(Entry(kind, deed.outcome, "reviewer", reference=f"ref{number}"))
        events.append(Event(f"e{number}", at(1000 + began), at(1000 + ended), deed))
    return events, log


def explained(events: list[Event[Deed]], log: list[Entry], **which: bool) -> str:
    model = Workflow(tuple(log), **which)
    return find_order(events, World(), model.step, model.done, model.looks).result


@given(runs())
@settings(max_examples=50, deadline=None, database=None)
def test_a_true_history_is_explained(run: tuple[list[Event[Deed]], list[Entry]]) -> None:
    assert explained(*run) == "found"


@given(runs())
@settings(max_examples=40, deadline=None, database=None)
def test_a_true_history_is_explained_without_references_too(run: tuple[list[Event[Deed]], list[Entry]]) -> None:
    events, log = run
    assert explained(events, [replace(entry, reference="") for entry in log]) == "found"


@given(runs(), st.data())
@settings(max_examples=80, deadline=None, database=None)
def test_a_true_history_is_explained_by_rules_and_sights_alone_and_where_answers_do_not_tell(run, data: st.DataObject) -> None:
    events, log = run
    dark = data.draw(st.sets(st.sampled_from([event.id for event in events]), max_size=3))
    told = [
        replace(e, value=replace(e.value, outcome="unknown")) if e.id in dark and e.value.kind != "seen" else e
        for e in events
    ]  # fmt: skip
    without = Workflow(log=None)
    assert find_order(told, World(), without.step, without.done, without.looks).result == "found"
    assert explained(told, log) == "found"


@given(runs(), st.data())
@settings(max_examples=50, deadline=None, database=None)
def test_a_lost_a_doubled_and_an_invented_entry_are_found(run: tuple[list[Event[Deed]], list[Entry]], data: st.DataObject) -> None:
    events, log = run
    assume(log)
    place = data.draw(st.integers(0, len(log) - 1))
    assert explained(events, log[:place] + log[place + 1 :]) == "none"
    assert explained(events, [*log[: place + 1], *log[place:]]) == "none"
    assert explained(events, [*log[:place], Entry("approved", "success", "operator", reference="ref-of-nobody"), *log[place:]]) == "none"


@given(runs(), st.data())
@settings(max_examples=50, deadline=None, database=None)
def test_an_entry_with_the_wrong_outcome_is_found(run: tuple[list[Event[Deed]], list[Entry]], data: st.DataObject) -> None:
    events, log = run
    assume(log)
    place = data.draw(st.integers(0, len(log) - 1))
    wrong = "refused" if log[place].outcome == "success" else "success"
    assert explained(events, [*log[:place], replace(log[place], outcome=wrong), *log[place + 1 :]]) == "none"


@given(runs(), st.data())
@settings(max_examples=50, deadline=None, database=None)
def test_entries_against_the_order_of_time_are_found(run: tuple[list[Event[Deed]], list[Entry]], data: st.DataObject) -> None:
    events, log = run
    assume(len(log) > 1)
    first = data.draw(st.integers(0, len(log) - 2))
    one, two = (next(e for e in events if e.value.reference == entry.reference) for entry in (log[first], log[first + 1]))
    swapped = [*log[:first], log[first + 1], log[first], *log[first + 2 :]]
    apart = (one.ended or "") < two.began
    found = explained(events, swapped, rules=False, sights=False)
    assert found == ("none" if apart else "found")


@given(runs())
@settings(max_examples=50, deadline=None, database=None)
def test_a_sight_that_no_state_of_its_time_shows_is_found(run: tuple[list[Event[Deed]], list[Entry]]) -> None:
    events, log = run
    last = max(e.ended or "" for e in events)
    model = Workflow(tuple(log))
    order = find_order(events, World(), model.step, model.done, model.looks)
    world = World()
    for name in order.order:
        deed = next(e.value for e in events if e.id == name)
        world = next(iter(Workflow(log=None).step(world, deed)))
    late = Event("late", f"{last}9", f"{last}99", Deed("seen", "success", zdr=not world.zdr))
    assert explained([*events, late], log) == "none"
    assert explained([*events, replace(late, value=Deed("seen", "success", zdr=world.zdr))], log) == "found"
    assert explained([*events, late], log, sights=False) == "found"


def deeds(*listed: Deed) -> list[Event[Deed]]:
    return [Event(f"e{n}", at(10 * n), at(10 * n + 1), deed) for n, deed in enumerate(listed)]


def done(kind: str, request: str = "r1", outcome: str = "success") -> Deed:
    return Deed(kind, outcome, request=request)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "listed",
    [
        [done("enabled")],
        [done("requested"), done("enabled")],
        [done("requested"), done("rejected"), done("enabled")],
        [done("requested"), done("rejected"), done("approved")],
        [done("requested"), done("approved"), done("rejected")],
        [done("requested"), done("approved"), done("enabled"), done("disabled"), done("enabled")],
        [done("requested"), done("approved"), done("requested", "r2"), done("enabled", "r2")],
    ],
    ids=[
        "out of nothing",
        "without review",
        "after a rejection",
        "approved after it",
        "rejected after it",
        "used twice",
        "another's approval",
    ],
)
def test_a_sequence_against_the_rules_is_found(listed: list[Deed]) -> None:
    log = [Entry(d.kind, d.outcome) for d in listed]
    assert explained(deeds(*listed), log) == "none"
    assert explained(deeds(*listed), log, rules=False) == "found"


def test_doing_again_what_is_done_breaks_no_rule() -> None:
    listed = [done("requested"), done("approved"), done("approved"), done("enabled"), done("enabled"), done("disabled"), done("disabled")]
    assert explained(deeds(*listed), [Entry(d.kind, "success") for d in listed]) == "found"


def test_without_an_answer_an_action_may_be_logged_either_way_or_not_at_all() -> None:
    lost = Event("lost", at(0), None, Deed("requested", "unknown", request="r1"))
    for log in ([], [Entry("requested", "success")], [Entry("requested", "refused")]):
        assert explained([lost], log) == "found"
    assert explained([lost], [Entry("requested", "success")] * 2) == "none"


# -- refused attempts under a common type, or not logged ----------------------------------------------------------------------------


def by(kind: str, role: str, outcome: str = "success") -> Deed:
    return Deed(kind, outcome, role, request="r1", reference=f"ref-{kind}")  # type: ignore[arg-type]


ATTEMPTED = [by("requested", "account_team"), by("enabled", "admin", "refused"), by("approved", "reviewer")]
TOLD = [Entry("requested", "success", "account_team"), Entry(DENIED, "refused", "admin"), Entry("approved", "success", "reviewer")]


@pytest.mark.parametrize(
    ("log", "found"),
    [
        (TOLD, "found"),
        ([TOLD[0], Entry("enabled", "refused", "admin", reference="ref-enabled"), TOLD[2]], "found"),
        ([Entry(DENIED, "refused", "member"), *TOLD, TOLD[1]], "found"),  # of other requests that were refused
        ([TOLD[0], TOLD[1], TOLD[1], TOLD[2]], "found"),
        ([TOLD[0], TOLD[2]], "none"),
        ([TOLD[0], Entry(DENIED, "refused", "member"), TOLD[2]], "none"),
        ([TOLD[0], TOLD[2], TOLD[1]], "none"),
        ([TOLD[0], Entry("enabled", "success", "admin"), TOLD[2]], "none"),
        ([*TOLD, Entry("rejected", "refused", "reviewer")], "none"),
    ],
)
def test_an_entry_of_the_common_type_tells_of_any_refusal_or_of_what_is_not_ours(log: list[Entry], found: str) -> None:
    assert explained(deeds(*ATTEMPTED), log) == found


@pytest.mark.parametrize(
    ("log", "found"),
    [([TOLD[0], TOLD[2]], "found"), ([TOLD[0]], "none"), ([TOLD[0], Entry("enabled", "success", "admin"), TOLD[2]], "none")],
)
def test_a_log_that_need_not_tell_of_refusals_is_explained_by_what_was_done(log: list[Entry], found: str) -> None:
    assert explained(deeds(*ATTEMPTED), log, refusals=False) == found


def test_entries_of_refusals_are_left_out_where_the_log_need_not_tell_of_them() -> None:
    types = AuditTypes(requested="asked", approved="yes", rejected="no", enabled="on", disabled="off", denied="denied")
    rows: list[dict[str, object]] = [
        {"type": "asked", "outcome": "success"},
        {"type": "on", "outcome": "refused"},
        {"type": "denied"},
        {"type": "on", "outcome": "?"},
        {"type": "login", "outcome": "refused"},
    ]
    told = [Entry("requested", "success"), Entry("enabled", "refused"), Entry(DENIED, "refused"), Entry("enabled", "unknown")]
    assert expected_of(rows, types, True) == told
    assert expected_of(rows, types, False) == [told[0], told[3]]


# -- numbers and times of entries ------------------------------------------------------------------------------------------------------


def row(number: object, second: int, zone: str = "+00:00") -> dict[str, object]:
    return {"id": f"act-{number}-{second}", "sequence": number, "at": f"2026-11-26T01:00:{second:02d}.000000{zone}"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row(1, 1), row(2, 1), row(3, 4)], ""),
        ([row(1, 1), row(2, 3), row(3, 2)], "stamped earlier"),
        ([row(1, 1), row(1, 2)], "the same number"),
        ([row(None, 3), row(None, 1)], ""),  # without numbers there is no order to hold it against
        ([row(1, 3), row(2, 1, "")], ""),  # a time without its zone could be any
        ([row("1", 1), row("2", 2)], ""),
        ([], ""),
    ],
)
def test_numbers_and_times_of_entries_rise(rows: list[dict[str, object]], said: str) -> None:
    assert said in falling(rows)
    assert bool(falling(rows)) is bool(said)
