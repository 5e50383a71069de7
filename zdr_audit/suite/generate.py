"""Hypothesis composes request shapes: any combination of places, streaming, caching, thinking, length and model."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from zdr_audit.target.stimulus import PLACES, Place, Stimulus


@st.composite
def stimuli(draw: st.DrawFn, models: Sequence[str]) -> Stimulus:
    """One valid request shape."""
    places: frozenset[Place] = draw(st.frozensets(st.sampled_from(PLACES), min_size=1, max_size=len(PLACES)))
    return Stimulus(
        model=draw(st.sampled_from(list(models))),
        stream=draw(st.booleans()),
        places=places,
        padding=draw(st.sampled_from((0, 0, 0, 500, 5_000, 20_000, 70_000))),
        cache=draw(st.booleans()),
        thinking=draw(st.booleans()) and "prefill" not in places,
        session=draw(st.sampled_from((None, "session-a", "session-b"))),
    )


def shapes(models: Sequence[str], count: int, run_seed: int) -> list[Stimulus]:
    """`count` different shapes; the same seed and models give the same ones."""
    drawn: dict[Stimulus, None] = {}

    @seed(run_seed)
    @settings(max_examples=count * 3, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(stimuli(models))
    def collect(stimulus: Stimulus) -> None:
        drawn.setdefault(stimulus)

    collect()
    return list(drawn)[:count]
