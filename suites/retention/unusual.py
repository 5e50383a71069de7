"""Prompts that are not words alone, and requests whose body takes its time to come: what cleaners, detectors and slow logs take up."""

from __future__ import annotations

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.marks import scenario
from zdr_audit.target.stimulus import Stimulus


@scenario()
def unusual_texts(assay: Assay) -> None:
    """Prompts with control characters and signs without width, and prompts whose content is said as personal data and as credentials"""
    made = [Stimulus(signs="terminal"), Stimulus(signs="invisible", bare=True), Stimulus(signs="binary")]
    made += [Stimulus(guise="personal", bare=True), Stimulus(guise="credentials")]
    for stimulus in assay.within([*made, Stimulus(signs="terminal", guise="credentials", stream=True)]):
        assay.infer_both(stimulus, step="ask streamed" if stimulus.stream else "ask")
