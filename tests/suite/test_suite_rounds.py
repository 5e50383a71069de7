"""The growth bound takes more blocks where the noise of others hides what it looks for, and no more than it needs."""

from __future__ import annotations

from random import Random

import pytest

from zdr_audit.journal.events import GrowthMeasured
from zdr_audit.suite.rounds import MOST_MORE, until_clear
from zdr_audit.verdict.growth import unclear

SIZES = [0, 48_000, 192_000, 768_000, 1_536_000, 2_304_000]


class Store:
    """Keeps a share of what it is sent; others make it grow by up to `noise` bytes a block."""

    def __init__(self, share: float, noise: int) -> None:
        self.share, self.noise, self.chance = share, noise, Random(3)

    def round(self, organization: str = "subject", **changes: object) -> list[GrowthMeasured]:
        return [self._block(bits, organization, changes) for bits in SIZES]

    def _block(self, bits: int, organization: str, changes: dict[str, object]) -> GrowthMeasured:
        grown = round(bits * self.share / 8) + self.chance.randint(0, self.noise)
        fields: dict[str, object] = {
            "scenario": "retention.growth",
            "organization": organization,
            "bits": bits,
            "sent": 2,
            "accepted": 2,
            "before": {"db": 0},
            "after": {"db": grown},
            "at": "2026-11-26T12:00:00+00:00",
        }
        return GrowthMeasured.model_validate(fields | changes)


def test_a_quiet_store_needs_no_further_round():
    store = Store(0.0, 100)
    assert until_clear(store.round(), ["db"], store.round) == 0


@pytest.mark.parametrize(("share", "noise"), [(0.0, 40_000), (0.25, 60_000)])
def test_noise_is_seen_through_with_more_blocks(share: float, noise: int) -> None:
    store = Store(share, noise)
    blocks = store.round()
    assert unclear(blocks, "subject", ["db"]) == ("db",)
    taken = until_clear(blocks, ["db"], lambda: (blocks.extend(store.round()), blocks[-len(SIZES) :])[1])
    assert 0 < taken <= MOST_MORE
    assert unclear(blocks, "subject", ["db"]) == ()


def test_what_stays_unclear_is_given_up_after_the_last_round():
    store = Store(0.0, 100_000_000)
    rounds: list[int] = []
    assert until_clear(store.round(), ["db"], lambda: (rounds.append(1), store.round())[1]) == MOST_MORE
    assert len(rounds) == MOST_MORE


def test_sources_that_are_not_asked_for_or_not_measured_ask_for_nothing():
    store = Store(0.0, 100_000_000)
    blocks = store.round()
    assert unclear(blocks, "subject", ["log"]) == ()
    assert unclear(blocks, "control", ["db"]) == ()
    assert unclear(store.round(accepted=1), "subject", ["db"]) == ()
    assert unclear([*blocks, *store.round("control")], "subject", ["db"]) == ("db",)
