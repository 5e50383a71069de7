"""What only several in one audit show: the fewest with which it is still shown (Zeller & Hildebrandt, 2002, "Simplifying and isolating failure-inducing
input"), so that one can see what it comes from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from zdr_audit.matrix.asked import Asked, Outcome
from zdr_audit.matrix.judge import Result
from zdr_audit.matrix.model import Alarm
from zdr_audit.matrix.work import Job
from zdr_audit.violations import Variant, Violation

S = TypeVar("S", Violation, Variant)
LONGEST = 300
"""Characters of a reason."""


def shows(audit: Job, wrong: Collection[str]) -> bool:
    """Whether an audit of a few controls shows what must not be, or nothing at all."""
    result = Result(audit.folder)
    return bool(result.problem) or bool(result.having(*wrong))


def alarm(variants: Sequence[Variant], audit: Job, *, again: bool) -> Alarm:
    """What an audit of variants showed that must not be."""
    result = Result(audit.folder)
    failed, unclear = result.having("fail"), result.having("inconclusive")
    reasons = [result.problem, *(result.controls[name]["reason"] for name in (*failed, *unclear))]
    reason = next((text for text in reasons if text), "")
    named = tuple(sorted(one.id for one in variants))
    return Alarm(variants=named, again=again, failed=failed, inconclusive=unclear, reason=" ".join(reason.split())[:LONGEST])


@dataclass(frozen=True)
class Fewest(Generic[S]):
    """Looks for them. `audit`: sets one up, by name; `shown`: whether it shows it; `told`: what comes of the fewest, and of the audit that showed it."""

    audit: Callable[[str, Sequence[S]], Job]
    shown: Callable[[Job], bool]
    told: Callable[[Sequence[S], Job], Outcome]

    def of(self, group: Sequence[S], last: Job, parts: int) -> Outcome:
        """Of a group with which `last` showed it, and with none of which it was shown that lacks one of so many parts."""
        return self.told(group, last) if parts >= len(group) else Outcome(more=(self._without(group, last, min(2 * parts, len(group))),))

    def _without(self, group: Sequence[S], last: Job, parts: int) -> Asked:
        """Audits of the group without each of its parts."""
        rests = [[one for place, one in enumerate(group) if place * parts // len(group) != part] for part in range(parts)]
        tried = [(self.audit(f"{last.folder.name}.{number}of{parts}", rest), rest) for number, rest in enumerate(rests, 1)]

        def outcome() -> Outcome:
            for audit, rest in tried:
                if self.shown(audit):
                    return Outcome(more=(self._without(rest, audit, max(parts - 1, 2)),)) if len(rest) > 1 else self.told(rest, audit)
            return self.of(group, last, parts)

        return Asked(tuple(audit for audit, _ in tried), outcome)
