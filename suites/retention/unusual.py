"""Prompts that are not words alone, and requests whose body takes its time to come: what cleaners, detectors and slow logs take up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import How
from zdr_audit.suite.marks import scenario
from zdr_audit.target.stimulus import Stimulus

SLOW_BODY = 1.3
"""Seconds that a body takes to come: more than the second from which on many a log calls a request slow."""


def _step(stimulus: Stimulus) -> str:
    return "ask streamed" if stimulus.stream else "ask"


@scenario()
def unusual_requests(assay: Assay) -> None:
    """Prompts with control characters and signs without width, prompts whose content is said as personal data and as credentials; beside them a plain and a
    streamed request whose body comes slowly"""
    made = [Stimulus(signs="terminal"), Stimulus(signs="invisible", bare=True), Stimulus(signs="binary")]
    made += [Stimulus(guise="personal", bare=True), Stimulus(guise="credentials")]

    def ask() -> None:
        for stimulus in assay.within([*made, Stimulus(signs="terminal", guise="credentials", stream=True)]):
            assay.infer_both(stimulus, step=_step(stimulus))

    # At the same time, so that nobody waits for the slow ones; nor for longer than the target may take at all.
    how = How(slowly=min(SLOW_BODY, assay.profile.limits.timeout_seconds / 2))
    slow: list[Callable[[], object]] = [
        partial(
            assay.infer, party.member, s, step=_step(s), counts=party.key == "subject", pair=f"{assay.scenario}/slowly/{s.stream}", how=how
        )
        for s in (Stimulus(), Stimulus(stream=True))
        for party in (assay.subject, assay.control)
    ]
    assay.parallel([*slow, ask])
