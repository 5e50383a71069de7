"""The assertion helpers reject bad records with the exact words, and are inconclusive where the record says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bound import inconclusive, violated
from engine_events import FEEDBACK, SCENARIO, Record, interaction

from zdr_audit.journal.events import ScenarioEnded
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply, describe

REFUSED = {"status": 403, "outcome": "denied", "accepted": False}
SILENT = {"status": None, "outcome": "no_answer", "accepted": False, "error": "timed out"}
LIMITED = {"status": 429, "outcome": "rate_limited", "accepted": False}
UNKNOWN = {"status": 401, "outcome": "denied", "accepted": False}


# -- what a check is about ------------------------------------------------------------------------------------------------------------


def scenario(name: str) -> Scenario:
    return Scenario(name, "a scenario", "main", lambda _assay: None, 1)


def ended(bind: Callable[..., Expect], **how: Any) -> Expect:
    record = Record()
    record.scenarios = [ScenarioEnded(name=s.name, **how) if s.name == FEEDBACK else s for s in record.scenarios]
    return bind(record)


def test_a_check_about_what_nobody_gave_the_means_for_does_not_apply(bind):
    expect = ended(bind, not_run="the profile offers no purge", absent=True)
    with pytest.raises(DoesNotApply, match="the profile offers no purge"):
        expect.about(scenario(FEEDBACK))
    expect.about(scenario(FEEDBACK), scenario(SCENARIO))


@pytest.mark.parametrize("how", [{}, {"error": "it broke"}, {"not_run": "no credential"}])
def test_a_check_applies_whose_scenario_ran_broke_or_could_not_be_started(bind, how):
    ended(bind, **how).about(scenario(FEEDBACK))
    ended(bind, **how).about(scenario("retention.never_driven"))


# -- choosing -----------------------------------------------------------------------------------------------------------------------


def test_interactions_are_chosen_by_field_and_by_label(bind):
    expect = bind(Record())
    assert [i.id for i in expect.where(organization="control", feature="feedback")] == ["i-00022"]
    assert [i.id for i in expect.where(step="ask", organization="subject")] == [f"i-0000{n}" for n in range(1, 6)]
    assert expect.where(step="nothing") == []


def test_only_interactions_of_the_tests_own_scenarios_are_seen(bind):
    assert {i.scenario for i in bind(Record(), after=(FEEDBACK,)).interactions} == {FEEDBACK}


@pytest.mark.parametrize(("wanted", "count"), [({"step": "nothing"}, 0), ({"organization": "subject", "step": "ask"}, 5)])
def test_one_is_inconclusive_for_none_and_for_several(bind, wanted, count):
    assert inconclusive(lambda: bind(Record()).one(**wanted)) == f"expected one interaction with {wanted}, the record has {count}"


def test_a_list_that_was_read_over_pages_is_one_list(bind):
    record = Record()
    record.change(1, step="list", data={"items": [{"id": 1}]}, echoes=("c-00011",))
    record.change(2, step="list", data={"items": [{"id": 2}, {"id": 3}]}, echoes=("c-00011", "c-00012"))
    whole = bind(record).whole(step="list")
    assert (whole.id, whole.data, whole.echoes) == ("i-00001", {"items": [{"id": 1}, {"id": 2}, {"id": 3}]}, ("c-00011", "c-00012"))


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"status": 429, "outcome": "rate_limited", "data": None}, "the list was not read to its end: i-00002"),
        ({"status": 500, "outcome": "server_error", "data": None}, "the list was not read to its end: i-00002"),
        ({"status": None, "outcome": "no_answer", "data": None}, "the list was not read to its end: i-00002"),
        ({"labels": {"more": "true"}}, "the list has more pages than the 2 that were read"),
    ],
)
def test_a_list_that_was_not_read_to_its_end_is_no_list(bind, second, said):
    record = Record()
    record.change(1, step="list", data={"items": [{"id": 1}]}, labels={"more": "true"})
    record.change(2, **({"step": "list", "data": {"items": [{"id": 2}]}} | second))
    assert inconclusive(lambda: bind(record).whole(step="list")).startswith(said)
    pages = bind(record).where(step="list")
    for one, other in ((pages, pages[1:]), (pages[1:], pages)):
        assert inconclusive(lambda one=one, other=other: bind(record).same_story(one, other, promise="the same"))


def test_a_list_that_was_refused_is_left_to_the_check(bind):
    record = Record()
    record.change(1, step="list", status=403, outcome="denied", data=None)
    assert bind(record).whole(step="list").outcome == "denied"


def test_lists_of_several_readers_are_not_one(bind):
    record = Record()
    record.change(1, step="list", data={"items": []})
    record.change(2, step="list", data={"items": []}, actor="subject.admin")
    assert inconclusive(lambda: bind(record).whole(step="list")) == "expected one list with {'step': 'list'}, the record has more"
    assert inconclusive(lambda: bind(record).whole(step="nothing")) == "the record has no interaction with {'step': 'nothing'}"


def test_some_is_inconclusive_for_none(bind):
    assert inconclusive(lambda: bind(Record()).some(step="nothing")) == "the record has no interaction with {'step': 'nothing'}"


def test_a_line_on_an_interaction_says_who_what_and_what_came_back():
    assert describe(interaction(1)) == "i-00001 subject.member POST /v1/messages -> 200"
    assert describe(interaction(1, labels={"node": "2"})) == "i-00001 subject.member POST /v1/messages (node 2) -> 200"
    assert describe(interaction(1, **SILENT)) == "i-00001 subject.member POST /v1/messages -> timed out"
    assert describe(interaction(1, **(SILENT | {"error": ""}))) == "i-00001 subject.member POST /v1/messages -> no answer"


# -- answers ------------------------------------------------------------------------------------------------------------------------


def test_every_names_all_that_break_the_promise_up_to_five_and_finds_all(bind):
    items = [interaction(n, status=200 + n) for n in range(1, 9)]
    message, findings = violated(lambda: bind(Record()).every(items, lambda i: i.status == 202, "status 202 must come"))
    shown = "; ".join(f"i-{n:05d} subject.member POST /v1/messages -> {200 + n}" for n in (1, 3, 4, 5, 6))
    assert message == f"status 202 must come, but: {shown}"
    assert [f.interaction for f in findings] == [f"i-{n:05d}" for n in (1, 3, 4, 5, 6, 7, 8)]
    assert findings[0].model_dump() == {
        "source": "answers",
        "object": "POST /v1/messages",
        "location": "status 201",
        "forms": (),
        "canary": None,
        "interaction": "i-00001",
        "residue": False,
        "excerpt": "",
        "message": "status 202 must come",
    }


def test_a_finding_without_answer_has_the_error_as_its_place(bind):
    _, (finding,) = violated(lambda: bind(Record()).that(False, "it must answer", interaction(1, **SILENT)))
    assert finding.location == "timed out"


def test_that_rejects_a_condition_that_does_not_hold(bind):
    message, findings = violated(lambda: bind(Record()).that(False, "the list must name users", interaction(3)))
    assert message == "the list must name users, but: i-00003 subject.member POST /v1/messages -> 200"
    assert [f.interaction for f in findings] == ["i-00003"]
    bind(Record()).that(True, "x", interaction(3))


VACUOUS: dict[str, Callable[[Expect], object]] = {
    "every": lambda e: e.every([], lambda _: True, "x must hold"),
    "served": lambda e: e.served([], "x must hold"),
    "not_served": lambda e: e.not_served([], "x must hold"),
    "echoes_nothing": lambda e: e.echoes_nothing([], "x must hold"),
}


@pytest.mark.parametrize("name", VACUOUS)
def test_of_no_interaction_nothing_is_said(bind, name):
    assert inconclusive(lambda: VACUOUS[name](bind(Record()))) == "there is no interaction to judge this by: x must hold"


def test_of_no_status_reading_nothing_is_said(bind):
    assert "there is no interaction" in inconclusive(lambda: bind(Record()).zdr_status([], "enabled", "it must be on"))


@pytest.mark.parametrize(
    "outcome", ["denied", "refused_by_policy", "not_found", "client_error", "server_error", "malformed", "unexpected", "redirected"]
)
def test_served_rejects_what_was_answered_otherwise(bind, outcome):
    item = interaction(7, status=403 if "denied" in outcome else 200, outcome=outcome)
    message, _ = violated(lambda: bind(Record()).served([interaction(1), item], "it must work"))
    assert message == f"it must work, but: {describe(item)}"


@pytest.mark.parametrize("changes", [SILENT, LIMITED, UNKNOWN], ids=["silent", "limited", "unknown"])
def test_served_is_inconclusive_without_a_decision(bind, changes):
    item = interaction(7, **changes)
    assert (
        inconclusive(lambda: bind(Record()).served([interaction(1), item], "it must work"))
        == f"no decision from the target: {describe(item)}"
    )


def test_served_accepts_what_was_served(bind):
    bind(Record()).served([interaction(1), interaction(2, status=402)], "it must work")


@pytest.mark.parametrize("status", [200, 201, 204, 206, 299])
def test_not_served_rejects_any_success(bind, status):
    item = interaction(7, status=status, outcome="malformed", accepted=False)
    message, findings = violated(lambda: bind(Record()).not_served([interaction(1, **REFUSED), item], "it must be refused"))
    assert message == f"it must be refused, but: {describe(item)}"
    assert len(findings) == 1


def test_not_served_rejects_that_a_copy_is_as_good_as_new(bind):
    item = interaction(2, status=304, outcome="not_modified", accepted=False)
    message, _ = violated(lambda: bind(Record()).not_served([interaction(1, **REFUSED), item], "it must be refused"))
    assert "i-00002" in message


@pytest.mark.parametrize("changes", [SILENT, LIMITED], ids=["silent", "limited"])
def test_not_served_is_inconclusive_without_a_decision(bind, changes):
    item = interaction(7, **changes)
    assert inconclusive(lambda: bind(Record()).not_served([item], "it must be refused")) == f"no decision from the target: {describe(item)}"


def test_a_success_outranks_silence(bind):
    message, _ = violated(lambda: bind(Record()).not_served([interaction(1, **SILENT), interaction(2)], "it must be refused"))
    assert message.startswith("it must be refused, but: i-00002")


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 500])
def test_not_served_accepts_any_refusal(bind, status):
    bind(Record()).not_served([interaction(1, status=status, outcome="denied")], "it must be refused")


def test_a_refusal_means_something_only_where_the_control_organization_is_served(bind):
    record = Record()
    expect = bind(record)
    assert [i.id for i in expect.works_without_zdr(expect.where(step="use", organization="subject"))] == ["i-00021"]
    record.change(22, **REFUSED)
    broken = bind(record)
    assert inconclusive(lambda: broken.works_without_zdr(broken.where(step="use", organization="subject"))) == (
        "the same requests do not work for the control organization either, so a refusal would mean nothing"
    )


def test_a_request_without_counterpart_means_nothing(bind):
    record = Record()
    record.change(21, pair=None)
    expect = bind(record)
    assert "so a refusal would mean nothing" in inconclusive(
        lambda: expect.works_without_zdr(expect.where(step="use", organization="subject"))
    )


def test_an_echo_is_rejected_whosever_content_it_is(bind):
    record = Record()
    record.change(2, echoes=("c-00011",))
    expect = bind(record)
    message, _ = violated(lambda: expect.echoes_nothing(expect.where(step="ask"), "errors must echo nothing"))
    assert message == "errors must echo nothing, but: i-00002 subject.member POST /v1/messages -> 200"


def test_an_echo_of_another_kind_is_not_counted(bind):
    record = Record()
    record.change(2, echoes=("c-00002",))
    expect = bind(record)
    expect.echoes_nothing(expect.where(step="ask"), "x", kinds=("response",))


@pytest.mark.parametrize("data", [{"status": "disabled"}, {"status": None}, {}, None, [], "enabled"])
def test_a_status_other_than_expected_is_rejected(bind, data):
    item = interaction(5, data=data)
    message, _ = violated(lambda: bind(Record()).zdr_status([item], "enabled", "ZDR must be on"))
    assert message == f"ZDR must be on, but: {describe(item)}"
    bind(Record()).zdr_status([interaction(5, data={"status": "enabled"})], "enabled", "ZDR must be on")


def test_a_status_that_cannot_be_read_is_a_violation_of_its_own(bind):
    item = interaction(5, **REFUSED)
    message, _ = violated(lambda: bind(Record()).zdr_status([item], "enabled", "ZDR must be on"))
    assert message == f"the ZDR status of an organization must be readable, but: {describe(item)}"


# -- answers of others --------------------------------------------------------------------------------------------------------------


def with_echoes(**echoes: tuple[str, ...]) -> Record:
    """Each request of the subject recognised its own canary in its answer; beyond that, what is given."""
    record = Record()
    record.canaries = [c.model_copy(update={"content": "zdr" if c.organization == "org_subject" else "standard"}) for c in record.canaries]
    for number in (1, 2, 3, 11):
        own = f"c-{number:05d}"
        record.change(number, canaries=(own,), echoes=(own, *echoes.get(f"i{number}", ())))
    return record


def nothing_of_others(expect: Expect) -> None:
    expect.carries_nothing_of_others(expect.some(), "an answer must be its own")


def test_answers_that_hold_their_own_canaries_are_their_own(bind):
    nothing_of_others(bind(with_echoes()))


@pytest.mark.parametrize("number", [2, 11])
def test_an_answer_that_holds_what_another_request_said_names_both(bind, number):
    said, findings = violated(lambda: nothing_of_others(bind(with_echoes(**{f"i{number}": ("c-00001",)}))))
    assert said.startswith("an answer must be its own, but 1 do, first: ") and said.endswith(" holds what was sent in i-00001")
    assert [(f.canary, f.interaction) for f in findings] == [("c-00001", f"i-{number:05d}")]


def test_what_standard_retention_keeps_may_come_back(bind):
    nothing_of_others(bind(with_echoes(i2=("c-00011",))))


def test_where_no_answer_shows_a_canary_nothing_is_said_of_others(bind):
    assert "not even its own canary" in inconclusive(lambda: nothing_of_others(bind(Record())))


@pytest.mark.parametrize(("echoed", "held"), [(("c-00001",), True), (("c-00002",), False), (("c-00011",), False), ((), False)])
def test_a_header_of_whatever_answer_holds_nothing_that_another_request_said_under_zdr(bind, echoed, held):
    record = with_echoes()
    record.change(2, header_echoes=echoed)
    expect = bind(record, (FEEDBACK,))
    if held:
        said, findings = violated(lambda: expect.no_header_carries_anything_of_others("a header must be its own"))
        assert said.endswith(" holds what was sent in i-00001") and [(f.canary, f.interaction) for f in findings] == [
            ("c-00001", "i-00002")
        ]
    else:
        expect.no_header_carries_anything_of_others("a header must be its own")


@pytest.mark.parametrize("operation", ["messages.create", "diagnostics.read"])
@pytest.mark.parametrize(("echoed", "held"), [(("c-00001",), True), (("c-00002",), False), (("c-00011",), False), ((), False)])
def test_no_answer_to_a_prompt_holds_anything_of_another_request_wherever_it_was_sent(bind, operation, echoed, held):
    record = with_echoes()
    record.change(2, operation=operation, status=200, echoes=echoed)
    expect = bind(record, (FEEDBACK,))
    if held and operation == "messages.create":
        said, findings = violated(lambda: expect.no_inference_is_answered_with_anything_of_others("an answer must be its own"))
        assert said.endswith(" holds what was sent in i-00001") and [(f.canary, f.interaction) for f in findings] == [
            ("c-00001", "i-00002")
        ]
    else:
        expect.no_inference_is_answered_with_anything_of_others("an answer must be its own")


# -- success and refusal by words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "served"),
    [
        (200, "accepted", True),
        (200, "unexpected", True),
        (200, "refused_by_policy", False),
        (200, "declined", False),
        (403, "denied", False),
        (None, "no_answer", False),
    ],
)
def test_a_refusal_in_words_is_no_service_whatever_its_status(status, outcome, served):
    assert interaction(1, status=status, outcome=outcome).served is served


@pytest.mark.parametrize("silent", [{"status": None, "outcome": "no_answer"}, {"status": 502, "outcome": "no_answer"}])
def test_what_got_no_answer_was_not_served(bind, silent):
    record = Record()
    for number in (1, 2):
        record.change(number, status=401, outcome="denied", accepted=False)
    record.change(2, accepted=False, **silent)
    expect = bind(record)
    first, second = expect.where(organization="subject")[:2]
    expect.answered_with((401, 403), [first], "nothing may be served")
    assert inconclusive(lambda: expect.answered_with((401, 403), [first, second], "nothing may be served")) == (
        f"no decision from the target: {describe(second)}"
    )
    assert violated(lambda: expect.answered_with((403,), [first, second], "nothing may be served"))[0] == (
        f"nothing may be served, but: {describe(first)}"
    )
