"""Who acts for a scenario, with what, how many, and what goes out at the same time."""

from __future__ import annotations

import copy
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self, TypeVar

from zdr_audit.journal.events import Epoch, Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.party import Actor, NotOffered, Party
from zdr_audit.suite.read_again import LogsToReadAgain
from zdr_audit.suite.recorder import Recorder
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.transport import AT_ONCE

LONGEST_BARRIER = 2.0
"""Seconds that requests which are to go out together wait for each other at most: one of them may have nothing to send."""
Depth = Literal["quick", "standard", "thorough"]
T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """An interaction with what was read from its answer. `values` may hold secrets: it stays in memory."""

    interaction: Interaction
    values: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[Any, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.interaction.outcome == "accepted"


class ScenarioBroken(Exception):
    """A step that the rest of the scenario needs did not succeed; the message says which and how."""


@dataclass
class Hands:
    """Who acts for one scenario, with what. `subject` is under ZDR, `control` is not; `models` are those the target lists. `offered` are the features of a
    stimulus that the dialect can say and that the target has. `shortens`: whether to look for what is smaller than the first that went wrong."""

    profile: Profile
    recorder: Recorder
    subject: Party
    control: Party
    others: Mapping[str, Party]
    staff_actors: Mapping[str, Actor]
    models: tuple[str, ...]
    depth: Depth
    seed: int
    scenario: str = ""
    epoch: Epoch = "main"
    fresh_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    measure: Callable[[], dict[str, int]] = dict
    at: int | None = None
    dialect: Dialect = field(default_factory=AnthropicMessages)
    offered: frozenset[str] = AnthropicMessages.features
    run_id: str = "run"
    pause: Callable[[float], None] = time.sleep
    shortens: bool = True

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed}:{self.scenario}")  # noqa: S311 - shapes, not secrets

    def other(self, name: str) -> Party:
        """Another organization of the profile (`neighbour`, `sibling`)."""
        if name not in self.others:
            raise NotOffered(f"the profile names no organization '{name}'")
        return self.others[name]

    @property
    def elsewhere(self) -> Party:
        """Whose account to use for organizations that are switched to and fro: another customer's, so that it cannot reach the subject."""
        other = self.others.get("neighbour")
        return other if other is not None and other.account else self.subject

    def staff(self, role: str) -> Actor:
        """A provider-side actor: account_team, reviewer, operator, auditor."""
        if role not in self.staff_actors:
            raise NotOffered(f"no credential for the provider role '{role}'")
        return self.staff_actors[role]

    @property
    def logs_to_read_again(self) -> LogsToReadAgain:
        """The audit logs that are read once more after all the traffic."""
        return self.recorder.logs_to_read_again

    def count(self, quick: int, standard: int, thorough: int) -> int:
        """How many, by --depth."""
        return {"quick": quick, "standard": standard, "thorough": thorough}[self.depth]

    def parallel(self, jobs: Iterable[Callable[[], T]], workers: int = 16) -> list[T]:
        """Run jobs at the same time, in threads; results in the order of the jobs."""
        pool = ThreadPoolExecutor(workers)
        try:
            return [future.result() for future in [pool.submit(job) for job in jobs]]
        finally:
            pool.shutdown(cancel_futures=True)  # where one job breaks, or the user stops the run, what has not begun is not sent

    def together(self, jobs: Sequence[Callable[[], T]]) -> list[T]:
        """Run jobs in parallel, whose first requests go out at the same moment; results in the order of the jobs."""
        barrier = threading.Barrier(len(jobs), timeout=LONGEST_BARRIER)

        def begin(job: Callable[[], T]) -> T:
            waiting = AT_ONCE.set(barrier)
            try:
                return job()
            finally:
                AT_ONCE.reset(waiting)

        return self.parallel([partial(begin, job) for job in jobs], len(jobs))

    @property
    def nodes(self) -> int:
        """How many addresses the target has, at least one. What is sent without further ado is spread over all of them."""
        return len(self.recorder.transport.addresses)

    def node(self, number: int) -> Self:
        """The same hands, but everything they send goes to one node: `number` counts from 0, modulo the number of nodes."""
        other = copy.copy(self)  # with the same source of chance, and the same numbers for fresh organizations
        other.at = number
        return other
