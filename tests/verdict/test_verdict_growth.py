"""The growth bound: what grows with the bits that were sent is retention, whatever its form; what does not is bounded; and doubt is said."""

from __future__ import annotations

from random import Random

import pytest
from engine_events import NOON, Record, catalogue

from zdr_audit.journal.events import GrowthMeasured
from zdr_audit.suite.history import History
from zdr_audit.verdict.growth import MINIMUM_BLOCKS, TOLERATED, Fit, bounds, fit, judged, unclear
from zdr_audit.verdict.judge import judge

SIZES = [8_000 * n for n in range(1, 11)]


def kept(share: float, noise: int = 0, overhead: int = 512) -> list[tuple[int, int]]:
    """Blocks of growing size of which a store keeps that share, with an overhead that does not depend on the size."""
    chance = Random(5)
    return [(bits, round(bits * share / 8) + overhead + chance.randint(-noise, noise)) for bits in SIZES]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_the_slope_is_the_share_that_was_kept(share):
    fitted = fit(kept(share, noise=20))
    assert fitted is not None
    assert fitted.slope == pytest.approx(share, abs=0.02)
    assert fitted.low < fitted.slope < fitted.high
    assert fitted.high - fitted.low < 0.02
    assert judged(fitted) == "retained"


def test_growth_that_does_not_follow_the_size_is_bounded():
    fitted = fit(kept(0, noise=40))
    assert fitted is not None
    assert fitted.slope != fitted.low
    assert fitted.low < 0 < fitted.high
    assert judged(fitted) == "bounded"


def test_one_block_that_was_compacted_away_moves_the_slope_but_little():
    points = kept(1.0)
    points[4] = (points[4][0], -60_000)
    fitted = fit(points)
    assert fitted is not None
    assert fitted.slope == pytest.approx(1.0, abs=0.05)
    assert judged(fitted) == "retained"


def test_noise_as_large_as_the_payload_says_neither():
    fitted = fit(kept(0.05, noise=6_000))
    assert fitted is not None
    assert fitted.low < TOLERATED < fitted.high
    assert judged(fitted) == "noisy"


@pytest.mark.parametrize(
    ("fitted", "word"),
    [
        (None, "noisy"),
        (Fit(0.0, 0.0, 0.0), "bounded"),
        (Fit(0.04, 0.03, 0.049), "bounded"),
        (Fit(0.04, 0.03, TOLERATED), "noisy"),
        (Fit(0.05, TOLERATED, 0.06), "noisy"),
        (Fit(0.06, 0.051, 0.07), "retained"),
        (Fit(0.0, -1.0, 1.0), "noisy"),
        (Fit(-0.04, -0.049, -0.03), "bounded"),
        (Fit(-0.04, -TOLERATED, 0.03), "noisy"),
        (Fit(-1.0, -1.1, -0.9), "noisy"),
    ],
)
def test_the_whole_interval_must_lie_on_one_side_of_what_is_tolerated(fitted, word):
    assert judged(fitted) == word


def test_a_store_that_shrinks_as_content_comes_is_not_bounded_and_one_that_was_compacted_now_and_then_is():
    assert judged(fit([(bits, -bits // 8) for bits in SIZES])) == "noisy"
    points = kept(0, noise=40) + kept(0, noise=40)
    for place in (4, 15):
        points[place] = (points[place][0], -60_000)
    assert judged(fit(points)) == "bounded"


def test_more_blocks_are_sent_for_what_may_grow_and_not_for_what_shrinks():
    shrinking = [block(bits, -bits // 8) for bits in SIZES]
    noisy = [block(bits, grown) for bits, grown in kept(0.05, noise=6_000)]
    assert unclear(shrinking, "subject", ("db",)) == ()
    low = list(zip(SIZES, (0, -36, 0, -506, 0, -124, 0, 11, 0, -470), strict=True))  # the interval reaches too far down, and not too far up
    assert judged(fit(low)) == "noisy"
    assert unclear([block(bits, grown) for bits, grown in low], "subject", ("db",)) == ("db",)
    assert unclear(noisy, "subject", ("db", "log")) == ("db",)
    assert unclear(noisy[:3], "subject", ("db", "elsewhere")) == ("db",)


def test_too_few_blocks_have_no_slope():
    assert MINIMUM_BLOCKS == 6
    assert fit(kept(1.0)[:5]) is None
    assert fit(kept(1.0)[:6]) is not None


def test_blocks_of_two_sizes_have_no_slope_and_of_three_they_have():
    assert fit([(8_000, 1_000), (16_000, 2_000)] * 3) is None
    assert fit([(8_000, 1_000), (16_000, 2_000), (24_000, 3_000)] * 2) is not None


def test_a_store_that_never_grows_has_slope_nought_without_doubt():
    assert fit([(bits, 0) for bits in SIZES]) == Fit(0.0, 0.0, 0.0)
    assert fit([(bits, 4096) for bits in SIZES]) == Fit(0.0, 0.0, 0.0)


def test_a_store_that_grew_in_one_block_alone_is_bounded_by_the_median_slope():
    """Two kinds of growth are not one: the regression decides, though nearly all slopes between blocks are nought."""
    points = [(bits, 4096) for bits in SIZES]
    points[0] = (SIZES[0], 8192)
    fitted = fit(points)
    assert fitted == Fit(0.0, 0.0, 0.0)
    assert fit([(bits, 4096 * (n % 2)) for n, bits in enumerate(SIZES)]) != Fit(0.0, 0.0, 0.0)


@pytest.mark.parametrize("place", [-1, -2])
def test_where_ranks_have_no_variance_the_interval_is_that_of_least_squares(place):
    sent = [8_000] * 7 + [16_000, 24_000]
    grown = [4_096] * 9
    grown[place] = 8_192
    fitted = fit(list(zip(sent, grown, strict=True)))
    # By the book: the residuals' variance over the spread of x, with Student's t for 7 degrees of freedom.
    x, y = [bits - sum(sent) / 9 for bits in sent], [8 * size - 8 * sum(grown) / 9 for size in grown]
    spread = sum(a * a for a in x)
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / spread
    variance = sum((b - slope * a) ** 2 for a, b in zip(x, y, strict=True)) / 7 / spread
    assert fitted is not None
    assert fitted.slope == pytest.approx(slope)
    assert (fitted.high - slope, slope - fitted.low) == pytest.approx((2.364624 * variance**0.5,) * 2)
    assert judged(fitted) == {-1: "retained", -2: "noisy"}[place]


def block(bits: int, grown: int, **changes: object) -> GrowthMeasured:
    fields: dict[str, object] = {
        "scenario": "retention.growth",
        "organization": "subject",
        "bits": bits,
        "sent": 4,
        "accepted": 4,
        "before": {"db": 1_000_000, "log": 5_000},
        "after": {"db": 1_000_000 + grown, "log": 5_000},
        "at": NOON,
    }
    return GrowthMeasured.model_validate(fields | changes)


def measured(*blocks: GrowthMeasured, **run: object) -> History:
    record = Record()
    record.run = record.run.model_copy(update=run)
    events = record.events()
    return History([*events[:-1], *blocks, events[-1]])


def test_each_source_and_organization_has_a_bound_of_its_own():
    subject = [block(bits, 100) for bits in SIZES]
    control = [block(bits, bits // 8, organization="control") for bits in SIZES]
    found = bounds(measured(*control, *subject))
    assert [(b.organization, b.source, b.judged, b.slope, b.low, b.high) for b in found] == [
        ("subject", "db", "bounded", 0.0, 0.0, 0.0),
        ("subject", "log", "bounded", 0.0, 0.0, 0.0),
        ("control", "db", "retained", 1.0, 1.0, 1.0),
        ("control", "log", "bounded", 0.0, 0.0, 0.0),
    ]
    assert {(b.blocks, b.tolerated) for b in found} == {(10, 0.05)}
    assert found[2].points == tuple((bits, bits // 8) for bits in SIZES)


def test_a_block_of_which_a_request_was_not_accepted_does_not_count():
    blocks = [block(bits, bits // 8) for bits in SIZES]
    spoilt = [block(bits, 0, accepted=3) for bits in SIZES]
    assert [b.points for b in bounds(measured(*blocks, *spoilt))] == [b.points for b in bounds(measured(*blocks))]
    assert bounds(measured(*spoilt)) == ()


def test_a_source_that_was_not_measured_before_and_after_has_no_bound():
    before = [block(bits, 0, before={"db": 1}) for bits in SIZES]
    after = [block(bits, 0, after={"log": 5_000}) for bits in SIZES]
    assert [b.source for b in bounds(measured(*before))] == ["db"]
    assert [b.source for b in bounds(measured(*after))] == ["log"]


def test_growth_is_the_difference_also_of_a_store_that_was_all_but_empty():
    blocks = [block(bits, 0, before={"db": 16}, after={"db": 16 + bits // 8}) for bits in SIZES]
    (db,) = bounds(measured(*blocks))
    assert db.points == tuple((bits, bits // 8) for bits in SIZES)


def test_too_few_blocks_are_shown_and_have_no_figures():
    (db, _) = bounds(measured(*[block(bits, bits // 8) for bits in SIZES[:3]]))
    assert (db.blocks, db.slope, db.low, db.high, db.judged) == (3, None, None, None, "noisy")


def test_a_twin_s_sources_are_measured_for_the_control_organization_and_the_others_for_the_subject():
    blocks = [block(bits, 0, organization=who) for who in ("subject", "control") for bits in SIZES]
    found = bounds(measured(*blocks, twins={"db": "log"}, twin_sources=("log",)))
    assert [(b.organization, b.source) for b in found] == [("subject", "db"), ("control", "log")]


def test_figures_have_six_digits():
    points = [(3 * bits, bits // 8) for bits in SIZES]
    (db, _) = bounds(measured(*[block(*point) for point in points]))
    assert (db.slope, db.low, db.high) == (0.333333, 0.333333, 0.333333)


def test_the_report_carries_the_bounds():
    history = measured(*[block(bits, bits // 8) for bits in SIZES])
    assert judge(history, catalogue(), "d" * 64).growth == bounds(history) != ()
