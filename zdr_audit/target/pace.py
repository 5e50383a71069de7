"""How fast and how much a run may send: requests a second, requests at a time, budgets, and waiting where the target asks for it."""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from zdr_audit.profile.model import Limits, Rate

TRY_AGAIN = frozenset({429, 503})
"""Statuses by which a target asks to be asked again later."""
NO_ANSWER = frozenset({502, 504})
"""Statuses by which a gateway says that it got no answer: nobody knows whether the request was dealt with."""
BYTES_A_TOKEN = 4
_FIRST_WAIT = 0.5


class BudgetSpent(Exception):
    """The profile's budget does not allow a further request; the message says which."""


def tokens(size: int) -> int:
    """About how many tokens so many bytes of text are."""
    return -(-size // BYTES_A_TOKEN)


class _Lane:
    """The bounds of one set of operations: at most so many at a time, so many a second."""

    def __init__(self, rate: Rate) -> None:
        self.places = threading.BoundedSemaphore(rate.concurrency) if rate.concurrency else None
        self.interval = 1 / rate.requests_per_second if rate.requests_per_second else 0.0
        self.next = 0.0


class Pace:
    """Shared by everything that a run sends to one target. Safe for several threads.

    `requests` and `spent` are what an earlier part of the same run used up. While something is kept back (`reserve`) so many requests and tokens of the budget
    are kept back, for what a run needs at its end.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        requests: int = 0,
        spent: int = 0,
        pause: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or Limits()
        self.requests, self.spent, self.waited = requests, spent, 0.0
        self.reserve = (0, 0)
        self._pause, self._clock = pause, clock
        self._lock = threading.Lock()
        self._overall = _Lane(self.limits)
        self._lanes = [(pattern, _Lane(rate)) for pattern, rate in self.limits.operations.items()]
        self._not_before: dict[str, float] = {}

    @contextmanager
    def turn(self, operation: str, cost: int = 0) -> Iterator[None]:
        """Wait until a request may go; hold its place meanwhile. `cost` is what it is thought to take of the token budget. Raises BudgetSpent."""
        lanes = [self._overall, *(lane for pattern, lane in self._lanes if fnmatch.fnmatchcase(operation, pattern))]
        with ExitStack() as held:
            for lane in lanes:
                if lane.places is not None:
                    held.enter_context(lane.places)
            with self._lock:
                self._charge(cost)
                at = max(self._clock(), self._not_before.get(operation, 0.0), *(lane.next for lane in lanes))
                for lane in lanes:
                    lane.next = at + lane.interval
                wait = at - self._clock()
            if wait > 0:
                self._pause(wait)
            yield

    def _charge(self, cost: int) -> None:
        most, most_tokens = self.limits.max_requests, self.limits.max_tokens
        if most is not None and self.requests >= most - self.reserve[0]:
            raise BudgetSpent(f"the budget of {most} requests (limits.max_requests) is spent")
        if most_tokens is not None and self.spent + cost > most_tokens - self.reserve[1]:
            raise BudgetSpent(f"the budget of about {most_tokens} tokens (limits.max_tokens) is spent")
        self.requests += 1
        self.spent += cost

    def keep_back(self, requests: int, spending: int) -> None:
        """From now on leave so many requests and tokens of the budget, but never more than half of it, for `release` to give free."""
        self.reserve = (min(requests, (self.limits.max_requests or 0) // 2), min(spending, (self.limits.max_tokens or 0) // 2))

    def release(self) -> None:
        """What was kept back may be used."""
        self.reserve = (0, 0)

    def answered(self, size: int) -> None:
        """An inference answer of so many bytes came."""
        with self._lock:
            self.spent += tokens(size)

    def back_off(self, operation: str, attempt: int, retry_after: str | None) -> bool:
        """Whether to send again after attempt number `attempt` was put off by the target. If so, no request of the operation goes before the time
        that the target names, or, where it names none, before a wait that doubles with each attempt."""
        limits = self.limits
        asked = seconds_of(retry_after)
        wait = _FIRST_WAIT * 2 ** (attempt - 1) if asked is None else asked
        with self._lock:
            if attempt > limits.retries or wait > limits.retry_wait_seconds or self.waited + wait > limits.retry_wait_total_seconds:
                return False
            now = self._clock()
            until = max(now + wait, self._not_before.get(operation, 0.0))
            # Threads that wait for the same moment wait once.
            self.waited += max(0.0, until - max(now, self._not_before.get(operation, 0.0)))
            self._not_before[operation] = until
        return True


def seconds_of(retry_after: str | None) -> float | None:
    """What a Retry-After header says, in seconds from now: a number, or a date. None where it says nothing usable."""
    text = (retry_after or "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
