"""The growth bound: content that no pattern finds still takes room. Each source's growth is regressed on the incompressible bits that were sent.

The slope is in bits kept per prompt bit: near 1 is retention, whatever the form. Theil-Sen regression (robust against compaction, rotation and
background writes) with its 95 % interval, from SciPy.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import linregress, t, theilslopes

from zdr_audit.journal.events import Epoch, GrowthMeasured
from zdr_audit.report.model import GrowthBound
from zdr_audit.suite.history import History

TOLERATED = 0.05
"""Bits kept per prompt bit above which content is being kept. What is stored of a request as such (ids, counts) does not grow with its size."""
MINIMUM_BLOCKS = 6


@dataclass(frozen=True)
class Fit:
    """Slope with its 95 % interval, in bits per prompt bit."""

    slope: float
    low: float
    high: float


def fit(points: list[tuple[int, int]]) -> Fit | None:
    """(bits sent, bytes grown) of each block -> slope. None where there are too few blocks or all had the same size."""
    if len(points) < MINIMUM_BLOCKS or len({bits for bits, _ in points}) < 3:
        return None
    sent, grown = [bits for bits, _ in points], [8 * grown for _, grown in points]
    if len(set(grown)) == 1:
        return Fit(0.0, 0.0, 0.0)
    with np.errstate(invalid="ignore"):
        found = theilslopes(grown, sent, 0.95)
    slope, low, high = float(found[0]), float(found[2]), float(found[3])
    if math.isfinite(low) and math.isfinite(high):
        return Fit(slope, low, high)
    # Where most blocks grew by exactly the same, the rank variance is not defined: the ordinary least-squares interval is.
    line = linregress(sent, grown)
    reach = float(t.ppf(0.975, len(points) - 2)) * float(line.stderr)
    return Fit(float(line.slope), float(line.slope) - reach, float(line.slope) + reach)


def judged(fitted: Fit | None) -> Literal["bounded", "retained", "noisy"]:
    """`bounded`: the whole interval lies within what is tolerated, either way: a store that shrinks as content comes gives room away that content may
    have taken. `retained`: it lies above; `noisy`: it says neither."""
    if fitted is None:
        return "noisy"
    if fitted.low > TOLERATED:
        return "retained"
    return "bounded" if fitted.low > -TOLERATED and fitted.high < TOLERATED else "noisy"


def shrinks(bound: GrowthBound) -> bool:
    """Whether the source is seen to shrink with what is sent."""
    return bound.judged == "noisy" and bound.high is not None and bound.high < 0


def never_moves(history: History, source: str, epochs: Iterable[Epoch], bound: GrowthBound | None) -> bool:
    """Whether a source holds what the control organization's requests said, and yet its size is not seen to move when they come (a store at its limit, a
    file with its room set aside, a ring): then no growth says nothing. `bound`: that of the control organization in the same place.

    Where no more than a few of its requests left anything (an error log, a label of a metric), the blocks may rightly have left nothing: that is no sign.
    Nor is it where each leaves as much, whatever its size (a line of a log): the size moves then.
    """
    return len(_saying(history, source, epochs)) >= MINIMUM_BLOCKS and (bound is None or not _moves(bound))


def _saying(history: History, source: str, epochs: Iterable[Epoch]) -> set[str]:
    """The control organization's requests for inference that were served and of whose message, which the blocks have, too, something is found in the source:
    an attachment may be kept where no message comes."""
    found = set()
    for seen in history.seen(epochs, lambda s: s.hit.source == source and not s.hit.of_digest):
        minted, owner = history.canaries.get(seen.hit.canary or ""), history.owner(seen.hit.canary)
        if minted is None or (minted.kind, minted.place) != ("prompt", "message") or owner is None or owner.organization != "control":
            continue
        if owner.operation == "messages.create" and owner.served:
            found.add(owner.id)
    return found


def _moves(bound: GrowthBound) -> bool:
    """Whether blocks made the source grow, clearly more of them than made it shrink, by steps in which what they sent could not all have been hidden."""
    if bound.judged == "retained":
        return True
    steps = [grown for _, grown in bound.points if grown > 0]
    back = sum(grown < 0 for _, grown in bound.points)
    return len(steps) > 3 * back and 8 * min(steps) <= sum(bits for bits, _ in bound.points)


def _points(blocks: Iterable[GrowthMeasured], organization: str, source: str) -> list[tuple[int, int]]:
    """(bits sent, bytes grown) of the organization's blocks all requests of which were accepted."""
    return [
        (block.bits, block.after[source] - block.before[source])
        for block in blocks
        if block.organization == organization and block.accepted == block.sent and source in block.before and source in block.after
    ]


def unclear(blocks: Collection[GrowthMeasured], organization: str, sources: Iterable[str]) -> tuple[str, ...]:
    """The sources that were measured, but whose growth says neither that content is kept nor that it is not. Those that shrink are not among them:
    they are no clearer by more blocks."""
    measured = {source: fit(points) for source in sources if (points := _points(blocks, organization, source))}
    return tuple(source for source, fitted in measured.items() if fitted is None or (judged(fitted) == "noisy" and fitted.high >= 0))


def bounds(history: History) -> tuple[GrowthBound, ...]:
    """One bound for each source and organization that was measured, in the order of the profile."""
    found = []
    for organization in ("subject", "control"):
        elsewhere = history.run.twin_sources if organization == "subject" else tuple(history.run.twins)
        for source in (s for s in history.run.sources if s not in elsewhere):
            points = _points(history.growth, organization, source)
            if not points:
                continue
            fitted = fit(points)
            found.append(
                GrowthBound(
                    source=source,
                    organization=organization,
                    blocks=len(points),
                    slope=round(fitted.slope, 6) if fitted else None,
                    low=round(fitted.low, 6) if fitted else None,
                    high=round(fitted.high, 6) if fitted else None,
                    tolerated=TOLERATED,
                    judged=judged(fitted),
                    points=tuple(points),
                )
            )
    return tuple(found)
