"""How a suite says what it does: `@scenario` sends stimuli, `@control` reads the journal afterwards. Neither runs the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from zdr_audit.journal.events import Epoch

if TYPE_CHECKING:
    from zdr_audit.suite.assay import Assay

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Scenario:
    """Stimuli of one story, sent once a run however many controls read them. `late` scenarios come after the main readings (they move the clock)."""

    name: str
    title: str
    epoch: Epoch
    drive: Callable[[Assay], None]
    order: int


_ORDER = 0


_FAR = 100_000


def scenario(*, late: bool = False, first: bool = False, last: bool = False) -> Callable[[Callable[[Assay], None]], Scenario]:
    """Declare a function `(assay) -> None` as a scenario; its docstring's first line is its title. `first` and `last`: before and after all others of its
    epoch."""

    def declare(function: Callable[[Assay], None]) -> Scenario:
        global _ORDER  # noqa: PLW0603 - order of declaration is order of driving
        _ORDER += 1
        family = function.__module__.rsplit(".", 2)[-2]
        title = (function.__doc__ or function.__name__.replace("_", " ")).strip().splitlines()[0]
        return Scenario(f"{family}.{function.__name__}", title, "late" if late else "main", function, _ORDER + _FAR * (last - first))

    return declare


def control(
    control_id: str,
    *,
    after: Scenario | tuple[Scenario, ...],
    watching: tuple[Scenario, ...] = (),
    reads_late: bool = False,
    counting: str = "",
) -> Callable[[Test], Test]:
    """Bind a test to the control it checks and to the scenarios whose record it reads.

    `reads_late`: it rests on the late readings too. `counting`: the organization whose interactions count towards the control's minimum
    (default: all that a scenario marks as counting). `watching`: what else is sent for a check that looks at the whole journal, so that it
    has something to look at where its control alone is selected; a pass does not rest on these.
    """
    scenarios = after if isinstance(after, tuple) else (after,)
    epochs: tuple[Epoch, ...] = ("main", "late") if reads_late else ("main",)

    def mark(test: Test) -> Test:
        marked: Test = pytest.mark.control(control_id, scenarios, epochs, counting, watching)(test)
        return marked

    return mark
