"""How long a block of the growth bound waits for a target that writes late: what is written after the measuring is blamed on the next block."""

from __future__ import annotations

from collections.abc import Callable, Collection

MOST_LOOKS = 12


class Patience:
    """Measures once nothing changes any more. How late the target writes is learned from the control organization, whose content must be seen to
    take room: the subject's blocks are then given as long. Where nothing is ever seen, it stops waiting for it."""

    def __init__(self, wait: float, pause: Callable[[float], None], measure: Callable[[], dict[str, int]]) -> None:
        self._wait, self._pause, self._measure = wait, pause, measure
        self._least = 1
        self._hopeful = True

    def measured(self, before: dict[str, int], expected_in: Collection[str] = ()) -> dict[str, int]:
        """The sizes after a block. `expected_in` are the sources one of which must grow: at least so long is waited, within bounds."""
        expected = expected_in if self._hopeful else ()
        seen, first = before, 0
        for look in range(1, MOST_LOOKS + 1):
            self._pause(self._wait)
            now = self._measure()
            if not first and any(now.get(source, 0) > before.get(source, 0) for source in expected):
                first = look
            quiet = now == seen
            seen = now
            if quiet and look > self._least - 1 and (first or not expected):
                break
        if expected:
            self._hopeful = bool(first)
            self._least = max(self._least, first + 1) if first else 1
        return seen
