"""The assertion helpers on what was found in stores reject bad records with the exact words, and are inconclusive where the record says nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bound import inconclusive, violated
from engine_events import FEEDBACK, NOON, SCENARIO, Record, by_control, canary, hit, interaction

from zdr_audit.journal.events import GrowthMeasured
from zdr_audit.suite.expect import Expect

# -- stores -------------------------------------------------------------------------------------------------------------------------


def answered(record: Record, number: int, organization: str) -> None:
    """Give an interaction a response canary, too."""
    owner = next(i for i in record.interactions if i.id == f"i-{number:05d}")
    extra = canary(number + 500, owner, "response").model_copy(update={"organization": organization})
    record.canaries.append(extra)
    record.change(number, canaries=(f"c-{number:05d}", extra.id))


def kept(record: Record) -> Record:
    """The record with its prompt canaries known to their interactions."""
    for item in list(record.interactions):
        record.change(int(item.id[2:]), canaries=(f"c-{item.id[2:]}",))
    return record


def test_a_trace_is_rejected_with_place_form_and_request(bind):
    record = kept(Record())
    record.read(
        "log",
        [hit("c-00011", "log"), hit("c-00003", "log", object="app.log.gz", location="bytes 40-72", forms=("gzip", "base64", "plain"))],
    )
    message, (finding,) = violated(lambda: bind(record).kept_nowhere(promise="the prompt must not be kept"))
    assert message == (
        "the prompt must not be kept, but 1 trace was found, first: source log, app.log.gz, bytes 40-72 (plain in base64 in gzip), from request i-00003"
    )
    assert (finding.source, finding.canary, finding.interaction, finding.forms) == (
        "log",
        "c-00003",
        "i-00003",
        ("gzip", "base64", "plain"),
    )


def test_what_is_kept_of_others_as_well_is_not_kept_for_what_they_lack(bind):
    record = kept(Record())
    expect = bind(record)
    mine, other = next(i for i in expect.interactions if i.id == "i-00003"), next(i for i in expect.interactions if i.id == "i-00004")
    record.read("log", [hit("c-00004", "log"), hit("c-00003", "log")])
    told = inconclusive(lambda: bind(record).kept_nowhere([mine], unlike=[other], promise="x"))
    assert told == "other requests are kept in log as well, so these are not kept there for what they have and the others lack"
    record.read("db", [hit("c-00003", "db")])
    _, (finding,) = violated(lambda: bind(record).kept_nowhere([mine], unlike=[other], promise="x"))
    assert (finding.source, finding.canary) == ("db", "c-00003")


def test_a_digest_is_held_against_the_target_in_words_of_its_own(bind):
    record = kept(Record())
    record.read("log", [hit("c-00011", "log"), hit("c-00003", "log", forms=("hex", "sha256", "request-text"))])
    message, (finding,) = violated(lambda: bind(record).kept_nowhere(promise="the prompt must not be kept"))
    assert message.startswith("the prompt must not be kept, nor a digest of it, by which whoever guesses the content can confirm it")
    assert "(request-text in sha256 in hex), from request i-00003" in message
    assert finding.message.startswith("the prompt must not be kept, nor a digest of it")


def test_the_same_trace_in_two_readings_is_one_and_others_are_counted(bind):
    record = kept(Record())
    for reading in ("first", "settled"):
        record.read("db", [hit("c-00011"), hit("c-00001")], reading=reading)
    record.read("log", [hit("c-00011", "log"), hit("c-00001", "log"), hit("c-00002", "log", residue=True)])
    message, findings = violated(lambda: bind(record).kept_nowhere())
    assert message.startswith(
        "content must not be kept, but 3 traces were found, first: source db, conversations, row 7, column body (plain)"
    )
    assert [(f.source, f.canary, f.residue) for f in findings] == [
        ("db", "c-00001", False),
        ("log", "c-00001", False),
        ("log", "c-00002", True),
    ]


def test_a_clean_record_is_kept_nowhere(bind):
    bind(kept(Record())).kept_nowhere()


def test_content_of_others_is_no_trace(bind):
    record = kept(Record())
    record.read("db", [hit(f"c-{n:05d}") for n in (11, 12, 13, 22)])
    bind(record).kept_nowhere()


def test_deleted_remains_and_live_data_are_told_apart(bind):
    record = kept(Record())
    record.read("db", [hit("c-00011"), hit("c-00001", residue=True)])
    bind(record).kept_nowhere(residue=False)
    assert violated(lambda: bind(record).kept_nowhere(residue=True))[1][0].residue
    violated(lambda: bind(record).kept_nowhere())


def test_interfaces_and_stores_are_told_apart(bind):
    record = kept(Record())
    record.read("api", [hit("c-00011", "api"), hit("c-00004", "api")])
    bind(record).kept_nowhere()
    assert violated(lambda: bind(record).kept_nowhere(group="read_back"))[1][0].source == "api"


def test_prompts_and_answers_are_told_apart(bind):
    record = kept(Record())
    answered(record, 1, "org_subject")
    record.read("db", [hit("c-00011"), hit("c-00501")])
    bind(record).kept_nowhere(kinds=("prompt",))
    assert violated(lambda: bind(record).kept_nowhere(kinds=("response",)))[1][0].canary == "c-00501"


def test_readings_of_another_epoch_are_not_looked_at(bind):
    record = kept(Record())
    record.reads.append(record.reads[0].model_copy(update={"epoch": "late"}))
    late = record.reads[-1]
    record.reads[-1] = late.model_copy(update={"outcome": late.outcome.model_copy(update={"hits": (hit("c-00001"),)})})
    bind(record).kept_nowhere()
    violated(lambda: bind(record, epochs=("main", "late")).kept_nowhere())
    violated(lambda: bind(record).kept_nowhere(epochs=("late",)))


def test_only_the_interactions_that_are_named_are_looked_for(bind):
    record = kept(Record())
    record.read("db", [hit("c-00011"), hit("c-00001")])
    expect = bind(record)
    expect.kept_nowhere([i for i in expect.interactions if i.id == "i-00002"])
    violated(lambda: expect.kept_nowhere([i for i in expect.interactions if i.id == "i-00001"]))


def test_without_content_under_zdr_nothing_is_said(bind):
    record = Record()
    record.interactions = [by_control(1, scenario=SCENARIO)]
    words = "the record has no interaction whose content could have been kept"
    assert inconclusive(lambda: bind(record).kept_nowhere()) == words
    assert inconclusive(lambda: bind(kept(Record())).kept_nowhere([])) == words


def test_interactions_that_carried_no_canary_say_nothing(bind):
    assert inconclusive(lambda: bind(Record()).kept_nowhere(kinds=("prompt",))) == (
        "these interactions carried no prompt canary, so finding none says nothing"
    )
    assert inconclusive(lambda: bind(kept(Record())).kept_nowhere(kinds=("response",))) == (
        "these interactions carried no response canary, so finding none says nothing"
    )


def test_answers_are_judged_only_where_those_of_the_control_organization_are_seen(bind):
    record = kept(Record())
    words = "no answer of the control organization was found in any store, so not finding the subject's says nothing"
    assert inconclusive(bind(record).sees_answers_of_the_control_organization) == words
    answered(record, 12, "org_control")
    record.read("api", [hit("c-00512", "api")])
    assert inconclusive(bind(record).sees_answers_of_the_control_organization) == words, "an interface is no store"
    record.read("log", [hit("c-00512", "log")])
    bind(record).sees_answers_of_the_control_organization()


def test_the_subjects_own_answer_is_no_proof_of_sight(bind):
    record = kept(Record())
    answered(record, 1, "org_subject")
    record.read("log", [hit("c-00501", "log")])
    assert "no answer of the control organization" in inconclusive(bind(record).sees_answers_of_the_control_organization)


# -- answers that must carry their canary, features that leave the promise ------------------------------------------------------------


def answering(followed: int) -> Record:
    """Five requests whose answers were to carry a canary; so many did."""
    record = Record()
    for number in range(1, 6):
        record.change(number, canaries=(f"c-0009{number}",), labels={"answer": "follows" if number <= followed else "does not follow"})
    owners = {item.id: item for item in record.interactions}
    record.canaries = [c for c in record.canaries if c.kind != "never_sent"]
    for number in range(1, 6):
        made = canary(90 + number, owners[f"i-0000{number}"], "response")
        record.canaries.append(made)
    return record


@pytest.mark.parametrize("followed", range(6))
def test_answers_are_judged_where_enough_of_them_carry_their_canary(bind, followed):
    expect = bind(answering(followed))
    if followed >= 3:
        expect.kept_nowhere(kinds=("response",), answers=3)
    else:
        assert inconclusive(lambda: expect.kept_nowhere(kinds=("response",), answers=3)).startswith(
            f"of 5 answers {followed} followed the instruction to carry a canary (needed: 3)"
        )
    expect.kept_nowhere(kinds=("prompt", "response"))


def test_an_answer_that_was_kept_is_a_finding_however_few_followed(bind):
    record = answering(1)
    record.read("db", [hit("c-00091", "db"), hit("c-00011", "db")])
    assert violated(lambda: bind(record).kept_nowhere(kinds=("response",), answers=3))[1][0].canary == "c-00091"


def test_nothing_is_asked_of_features_that_merely_leave_the_promise(bind):
    record = Record()
    served = [interaction(40, scenario=FEEDBACK)]
    assert "must be refused" in violated(lambda: bind(record).features_refused(served, "it must be refused"))[0]
    record.run = record.run.model_copy(update={"enforcement": "leaves_promise"})
    bind(record).features_refused(served, "it must be refused")


@pytest.mark.parametrize(("outcome", "status"), [("client_error", 400), ("refused_by_policy", 403)])
def test_a_word_that_the_target_need_not_know_may_be_refused(bind, outcome, status):
    record = kept(Record())
    for number in range(1, 6):
        record.change(number, stimulus={}, step="ask for more" if number < 3 else "ask")
    for number in (1, 2):
        record.change(number, status=status, outcome=outcome, accepted=False)
    bind(record).kept_nowhere(refusable=("ask for more",))
    assert inconclusive(lambda: bind(record).kept_nowhere()).startswith("none of the 2 requests 'ask for more' was dealt with")
    record.change(1, outcome="server_error", status=500)
    record.change(2, outcome="server_error", status=500)
    inconclusive(lambda: bind(record).kept_nowhere(refusable=("ask for more",)))
    record.read("db", [hit("c-00001", "db"), hit("c-00011", "db")])
    violated(lambda: bind(record).kept_nowhere(refusable=("ask for more",)))


# -- growth -------------------------------------------------------------------------------------------------------------------------

BYTES = [0, 4_000, 16_000, 64_000, 128_000, 192_000]
NO_ROOM = "in db not even the control organization's content is seen to take room, so no growth says nothing"


def growing(
    bind: Callable[[Record], Expect],
    subject: Callable[[int], int],
    control: Callable[[int], int],
    *,
    said: int = 8,
    spiked: bool = True,
    sent: dict[str, object] | None = None,
    minted: dict[str, object] | None = None,
) -> Expect:
    """A run that measured one store, in which the prompts of so many of the control organization's requests are found; `sent` changes those requests,
    `minted` what they carried."""
    record = Record()
    record.run = record.run.model_copy(update={"sources": {"db": ("redis", "cache")}, "spiked": ("db",) if spiked else ()})
    theirs = [by_control(number, **(sent or {})) for number in range(31, 31 + said)]
    record.interactions += theirs
    record.canaries += [canary(int(item.id[2:]), item).model_copy(update=minted or {}) for item in theirs]
    record.read("db", [hit(f"c-{item.id[2:]}") for item in theirs])
    whole = {"scenario": SCENARIO, "sent": 2, "accepted": 2, "before": {"db": 10**6}, "at": NOON}
    blocks = [
        GrowthMeasured.model_validate(whole | {"organization": who, "bits": 8 * size, "after": {"db": 10**6 + grown(size)}})
        for who, grown in (("subject", subject), ("control", control))
        for size in BYTES
    ]
    bound = bind(record)
    bound.history.growth.extend(blocks)
    return bound


def flat(_: int) -> int:
    return 0


def a_line(_: int) -> int:
    return 600


def whole(size: int) -> int:
    return size + 300


@pytest.mark.parametrize("spiked", [True, False])
def test_a_store_is_bounded_where_the_control_organizations_content_takes_room(bind, spiked):
    for subject in (flat, a_line):
        expect = growing(bind, subject, whole, spiked=spiked)
        expect.growth_does_not_follow_payload()
        assert expect.weighed == 2


@pytest.mark.parametrize("spiked", [True, False])
def test_a_store_at_its_limit_bounds_nothing_though_a_spike_is_found_in_it(bind, spiked):
    """It holds what the control organization said, and its size does not move for that: nor would it for the subject's."""
    assert inconclusive(growing(bind, flat, flat, spiked=spiked).growth_does_not_follow_payload) == NO_ROOM


@pytest.mark.parametrize("moved", [(400, -300, 250, -100, 300, 0), (0, 0, 2**26, 0, 0, 0)], ids=["to and fro", "set aside"])
def test_a_size_that_goes_to_and_fro_or_by_leaps_does_not_show_room_either(bind, moved):
    assert inconclusive(growing(bind, flat, lambda size: moved[BYTES.index(size)]).growth_does_not_follow_payload) == NO_ROOM


@pytest.mark.parametrize("control", [a_line, lambda size: 4_096 if size == 64_000 else 0], ids=["lines", "pages"])
def test_a_spiked_store_that_keeps_as_much_of_each_request_is_bounded(bind, control):
    growing(bind, a_line, control).growth_does_not_follow_payload()


@pytest.mark.parametrize(
    ("said", "sent", "minted"),
    [
        (0, {}, {}),
        (4, {}, {}),
        (8, {"accepted": False, "status": 400, "outcome": "client_error"}, {}),
        (8, {"operation": "feedback.create"}, {}),
        (8, {}, {"place": "document"}),
        (8, {}, {"kind": "response", "place": "answer"}),
    ],
    ids=["nothing", "a label", "an error log", "feedback", "attachments", "answers"],
)
def test_a_spiked_store_in_which_blocks_need_not_leave_anything_may_stay_as_large(bind, said, sent, minted):
    growing(bind, flat, flat, said=said, sent=sent, minted=minted).growth_does_not_follow_payload()


def test_a_store_that_shrinks_with_what_is_sent_bounds_nothing(bind):
    for spiked in (True, False):
        expect = growing(bind, lambda size: -size, whole, spiked=spiked)
        assert inconclusive(expect.growth_does_not_follow_payload) == "db is seen to shrink with what is sent, so its growth bounds nothing"
