"""What is seen in part is not told where it is seen whole, nor before it is known whether it is."""

from __future__ import annotations

from zdr_audit.canary.sighting import Sighting
from zdr_audit.canary.tidy import Doubts, Span


def seen(start: int, end: int, canary: str | None = "c", form: str = "plain") -> Sighting:
    return Sighting(start, end, (form,) if form == "plain" else (form, "plain"), canary, "")


PART, NOBODY, WHOLE = seen(100, 132, form="middle"), seen(100, 110, None), seen(100, 132)


def test_what_is_seen_whole_is_told_at_once():
    assert Doubts().sort([WHOLE], [0], 0) == [WHOLE]


def test_what_is_read_from_parts_waits_for_the_encodings_that_are_open_around_it():
    doubts = Doubts()
    for still_open in ([100], [7, 500]):
        assert doubts.sort([], still_open, 0) == []
        assert doubts.sort([PART] if still_open == [100] else [], still_open, 0) == []
    assert doubts.sort([], [101], 200) == [PART]
    assert doubts.sort([], [], 200) == []


def test_a_part_within_what_was_decoded_is_an_accident():
    for span, told in (
        (Span(90, 200, False), []),
        (Span(100, 101, False), []),
        (Span(90, 100, False), [PART]),
        (Span(101, 200, False), [PART]),
    ):
        doubts = Doubts()
        doubts.decoded(span)
        assert doubts.sort([PART], [], 0) == told


def test_a_literal_of_nobody_is_explained_by_a_canary_that_was_recognised_around_it():
    for span, told in ((Span(90, 200, True), []), (Span(90, 200, False), [NOBODY])):
        doubts = Doubts()
        doubts.decoded(span)
        assert doubts.sort([NOBODY], [], 0) == told


def test_a_literal_of_nobody_within_a_sighting_is_its_own():
    for other, told in (
        (seen(100, 110), False),
        (seen(99, 111), False),
        (seen(101, 111), True),
        (seen(90, 109), True),
        (seen(99, 111, None), True),
    ):
        assert (NOBODY in Doubts().sort([NOBODY, other], [], 0)) == told, other


def test_a_part_that_touches_what_is_seen_whole_is_its_own():
    for other, told in (
        (seen(131, 163), False),
        (seen(132, 164), True),
        (seen(133, 165), True),
        (seen(60, 92), True),
        (seen(68, 101), False),
        (seen(68, 100), True),
        (seen(100, 132, form="base64"), False),
    ):
        assert (PART in Doubts().sort([PART, other], [], 0)) == told, other
    other = seen(110, 142, form="lines")
    assert Doubts().sort([PART, other], [], 0) == [PART, other]


def test_what_was_decoded_is_remembered_as_long_as_something_waits_that_may_lie_in_it():
    doubts = Doubts()
    doubts.decoded(Span(90, 120, False))
    assert doubts.sort([PART], [50], 500) == []
    assert doubts.sort([], [], 500) == []
    later = Doubts()
    later.decoded(Span(90, 120, False))
    assert later.sort([], [], 120) == []
    assert later.sort([PART], [], 120) == [PART]  # nothing before byte 120 was to come any more
    kept = Doubts()
    kept.decoded(Span(90, 121, False))
    assert kept.sort([], [], 120) == []
    assert kept.sort([PART], [], 120) == []
