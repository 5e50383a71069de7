"""The machine: Hypothesis chooses move after move, each is made and journaled, and the model says at once whether to go on or to look for a shorter way.

What it finds live only steers the search. The verdict comes from the journal (`replay`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, Verbosity, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.histories.model import Unknown
from zdr_audit.suite.histories.play import Departed, Play
from zdr_audit.suite.limits import SILENT, Telling

KINDS = (*7 * ("lead",), "wrong", "see")
KINDS_THROUGH_TIME = (*4 * ("lead",), "wrong", "see", *3 * ("time",))


class Enough(BaseException):
    """The time or number of attempts that shrinking may take is used up. Not an Exception: Hypothesis must not take it for a failure."""


@dataclass(frozen=True)
class Bounds:
    """How many histories, how long, and what finding a shorter one may take."""

    histories: int
    steps: int
    attempts: int
    seconds: float
    first: int | None = None
    """How long a history is that only ever goes straight on, where that is shorter: Hypothesis begins with it, and walks (`walks`) say more in fewer steps."""


QUICK = Bounds(2, 22, 40, 6, first=2)
STANDARD = Bounds(7, 30, 120, 15)
THOROUGH = Bounds(80, 60, 200, 60)
# Through time: after each such move everything is looked at.
QUICK_THROUGH_TIME = Bounds(1, 11, 20, 6, first=2)
STANDARD_THROUGH_TIME = Bounds(2, 18, 60, 15)
THOROUGH_THROUGH_TIME = Bounds(12, 40, 60, 60)


def drive(assay: Assay, bounds: Bounds, *, changes: bool, through_time: bool = False, told: Telling = SILENT) -> None:
    """Histories until one departs from the model or all are made; of one that departs, shorter ones within the bounds, unless the run is to look for
    nothing shorter. All are in the journal. `through_time`: among the moves are the passing of time and restarts of the service, where the target has
    them. `told`: what it tells its clients of ZDR."""
    kinds = KINDS_THROUGH_TIME if through_time else KINDS
    attempts = bounds.attempts if assay.shortens else 0
    count = [0]
    failed_at: list[tuple[int, float]] = []
    badly_ended: list[int] = []
    passed: list[int] = []

    class Histories(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            if failed_at and (count[0] - failed_at[0][0] >= attempts or time.monotonic() - failed_at[0][1] > bounds.seconds):
                raise Enough
            count[0] += 1
            self.departed = False
            self.play = Play(assay, count[0], changes=changes, through_time=through_time, passed=passed, told=told)
            self.straight = 0

        @rule(data=st.data())
        def move(self, data: st.DataObject) -> None:
            if self.straight == bounds.first:
                reject()  # it stands in the journal as it is, and Hypothesis makes another one in its place
            moves = self.play.moves()
            kind = data.draw(st.sampled_from([kind for kind in kinds if kind in moves]), label="kind")
            chosen = data.draw(st.sampled_from(moves[kind]), label="move")
            # Told by what was drawn, not by the number of the history, so that it is the same when Hypothesis makes it once more.
            self.straight = self.straight + 1 if self.straight >= 0 and kind == kinds[0] and chosen is moves[kind][0] else -1
            self.play.turn += 1
            try:
                chosen.make()
            except Departed:
                self.departed = True
                if not failed_at:
                    failed_at.append((count[0], time.monotonic()))
                raise

        def teardown(self) -> None:
            if self.departed or not self.play.changes or (failed_at and not badly_ended):
                return
            for last in self.play.endings():
                self.play.turn += 1
                try:
                    last()
                except Departed:
                    badly_ended.append(count[0])
                    if not failed_at:
                        failed_at.append((count[0], time.monotonic()))
                    raise

    shape = settings(
        max_examples=bounds.histories,
        stateful_step_count=bounds.steps,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )
    try:
        run_state_machine_as_test(seed(assay.seed)(Histories), settings=shape)
    except Enough:
        return
    except Unknown as exc:
        raise ScenarioBroken(str(exc)) from None
    except Exception:
        if not failed_at:
            raise
