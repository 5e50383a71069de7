"""Something is done to whoever asked while the answer is still coming."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import How
from zdr_audit.suite.party import Actor
from zdr_audit.target.stimulus import Stimulus

DURING = "an answer"
UNDER_WAY = "ask while it is done"
_BEGINS = Stimulus(stream=True, abandon_after=3_500)


def while_an_answer_comes(assay: Assay, by: Actor, change: Callable[[Mapping[str, str]], object]) -> None:
    """The change is made while a stream that `by` asked for is still coming, and gets the labels of its call: `during` says so. Where the target has no
    streams it is made all the same, since the rest of the scenario needs it."""
    begun = threading.Event()
    streams = assay.can_say(_BEGINS)

    def make() -> None:
        during = streams and begun.wait(assay.profile.limits.timeout_seconds)
        change({"during": DURING} if during else {})

    def ask() -> None:
        try:
            assay.infer(by, _BEGINS, step=UNDER_WAY, counts=False, how=How(begun=begun))
        finally:
            begun.set()  # an answer that never began is not waited for

    assay.parallel([ask, make] if streams else [make])
