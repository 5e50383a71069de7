"""Something is done to whoever asked while a request is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.inference import How
from zdr_audit.suite.party import Actor
from zdr_audit.target.stimulus import Stimulus

DURING = "a request"
UNDER_WAY = "ask while it is done"
SLOW_BODY = 0.8
"""Seconds that a body takes to come, during which the change is made."""
MOST_BODIES = 20
"""One after the other, while the target puts the change off."""
_BEGINS = Stimulus(stream=True, abandon_after=3_500)


def while_it_is_asked(assay: Assay, by: Actor, change: Callable[[Mapping[str, str]], object]) -> None:
    """The change is made while a stream that `by` asked for is still coming, where there are streams, and while the body of another request is: that one
    is answered in full or refused. Where the change is put off, other bodies come meanwhile, so that one is always under way. The change gets the labels of
    its call, `during` among them."""
    begun, trying, made = threading.Event(), threading.Event(), threading.Event()
    streams = assay.can_say(_BEGINS)

    def make() -> None:
        if streams:
            begun.wait(assay.profile.limits.timeout_seconds)
        else:
            assay.pause(SLOW_BODY / 2)
        trying.set()
        try:
            change({"during": DURING})
        finally:
            made.set()

    def ask(stimulus: Stimulus, how: How) -> None:
        try:
            assay.infer(by, stimulus, step=UNDER_WAY, counts=False, how=how)
        finally:
            if how.begun:
                how.begun.set()  # an answer that never began is not waited for

    def ask_slowly() -> None:
        for _ in range(MOST_BODIES):
            ask(Stimulus(), How(slowly=SLOW_BODY))
            if made.is_set() or not trying.is_set():
                return

    def ask_in_between() -> None:
        if trying.wait(SLOW_BODY) and not made.wait(SLOW_BODY / 2):
            ask_slowly()

    jobs: list[Callable[[], None]] = [
        ask_slowly,
        ask_in_between,
        *([partial(ask, _BEGINS, How(begun=begun))] if streams else []),
    ]
    assay.parallel([*jobs, make])
