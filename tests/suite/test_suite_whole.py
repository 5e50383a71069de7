"""A request is kept whole or not at all; two readings of a list tell one story; what is in flight is decided one way or the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_events import SCENARIO, STORES, Record, canary, hit, interaction

from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import Inconclusive, Violated

BEFORE, FLYING, LATER = (interaction(n, step=step) for n, step in ((31, "before"), (32, "flying"), (33, "later")))
PROMPT, RESPONSE = 0, 1


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


@pytest.fixture
def bound(profile: Profile) -> Callable[..., Expect]:
    """The helpers over a record in which these were found: (request, kind, source) or more, as keywords of the hit."""

    def make(*found: tuple, first: tuple = ()) -> Expect:
        record = Record()
        record.interactions += [BEFORE, FLYING, LATER]
        numbers = {item.id: 100 + 10 * n for n, item in enumerate((BEFORE, FLYING, LATER))}
        for item in (BEFORE, FLYING, LATER):
            record.canaries += [canary(numbers[item.id] + kind, item, ("prompt", "response")[kind]) for kind in (PROMPT, RESPONSE)]
        for reading, places in (("settled", found), ("first", first)):
            for source in ("db", "log"):
                hits = [
                    hit(f"c-{numbers[item.id] + kind:05d}", source, **(more[0] if more else {}))
                    for item, kind, where, *more in places
                    if where == source
                ]
                record.read(source, hits, reading)
        return Expect(record.history(), profile, STORES, (SCENARIO,), ("main",))

    return make


def whole(item, kinds=(PROMPT, RESPONSE), sources=("db", "log")) -> list[tuple]:
    return [(item, kind, source) for kind in kinds for source in sources]


def judged(expect: Expect, *flying) -> None:
    expect.kept_whole_or_not_at_all(flying or (FLYING,), like=[BEFORE], promise="never half")


def test_kept_nowhere_is_not_half(bound):
    judged(bound(*whole(BEFORE)))


def test_kept_as_the_earlier_ones_is_not_half(bound):
    judged(bound(*whole(BEFORE), *whole(FLYING)))


def test_kept_in_one_more_place_is_not_half(bound):
    """An earlier one may have gone from a store with a short time to live."""
    judged(bound(*whole(BEFORE, sources=("db",)), *whole(FLYING)))


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (whole(FLYING, sources=("log",)), "kept: prompt in log, response in log; not kept: prompt in db, response in db"),
        (whole(FLYING, kinds=(PROMPT,)), "kept: prompt in db, prompt in log; not kept: response in db, response in log"),
        ([(FLYING, RESPONSE, "db")], "kept: response in db; not kept: prompt in db, prompt in log, response in log"),
    ],
)
def test_a_part_is_half(bound, kept, said):
    with pytest.raises(Violated) as caught:
        judged(bound(*whole(BEFORE), *kept), FLYING, LATER)
    assert str(caught.value) == f"never half, but 1 of 2 are, first: {said}"
    (finding,) = caught.value.findings
    assert (finding.interaction, finding.location, finding.object) == (FLYING.id, said, "the request as a whole")


def test_what_lies_outside_live_data_or_is_gone_when_settled_plays_no_part(bound):
    judged(bound(*whole(BEFORE), (FLYING, PROMPT, "db", {"residue": True})))
    judged(bound(*whole(BEFORE), first=tuple(whole(FLYING, kinds=(PROMPT,)))))


def test_where_nothing_is_kept_of_any_it_is_not_half(bound):
    """Enabling may delete what was kept before."""
    judged(bound())


def test_where_the_earlier_ones_are_gone_streams_of_the_control_organization_say_what_is_whole(bound):
    def found(*kept: tuple) -> Expect:
        expect = bound(*whole(BEFORE), *kept)
        stream = BEFORE.model_copy(update={"organization": "control", "stimulus": {"stream": True}})
        expect.history.interactions[BEFORE.id] = stream
        return expect

    def judge(expect: Expect) -> None:
        expect.kept_whole_or_not_at_all((FLYING,), like=[LATER], promise="never half")

    judge(found(*whole(FLYING)))
    with pytest.raises(Violated, match="never half, but 1 of 1 are"):
        judge(found(*whole(FLYING, kinds=(PROMPT,))))


def test_without_anything_kept_of_the_earlier_ones_nothing_is_said(bound):
    with pytest.raises(Inconclusive, match="nothing is found of the requests that standard retention keeps"):
        judged(bound(*whole(FLYING, kinds=(PROMPT,))))


def test_requests_that_were_not_answered_in_full_say_nothing(bound):
    with pytest.raises(Inconclusive, match="none of the requests in question was answered in full"):
        judged(bound(*whole(BEFORE)), FLYING.model_copy(update={"accepted": False}))


def pages(*items: list[int] | None):
    return [interaction(40 + n, data=None if page is None else {"items": page}) for n, page in enumerate(items)]


@pytest.mark.parametrize("later", [pages([1, 2], [3]), pages([1], [2, 3]), pages([1, 2, 3], [4]), pages([5, 4], [1, 2, 3])])
def test_a_list_that_goes_on_at_either_end_tells_the_same_story(bound, later):
    bound().same_story(pages([1, 2, 3]), later, promise="the same")


@pytest.mark.parametrize("later", [pages([1, 3]), pages([2, 3]), pages([]), pages(None), pages([1, 3, 2]), pages([1, 2, 2, 3])])
def test_a_list_that_lacks_or_moves_an_entry_does_not(bound, later):
    with pytest.raises(Violated, match=r"^the same, but: i-00040"):
        bound().same_story(pages([1, 2, 3]), later, promise="the same")


def test_an_empty_list_tells_nothing(bound):
    with pytest.raises(Inconclusive, match="the list is empty"):
        bound().same_story(pages([]), pages([]), promise="the same")


def test_a_request_in_flight_may_be_served_or_refused_and_not_fail(bound):
    refused = interaction(50, status=403, outcome="refused_by_policy", accepted=False)
    silent = interaction(51, status=None, outcome="no_answer", accepted=False)
    bound().decided([FLYING, refused, silent], "decided")
    with pytest.raises(Violated, match=r"^decided, but: i-00052"):
        bound().decided([FLYING, interaction(52, status=500, outcome="server_error", accepted=False)], "decided")
