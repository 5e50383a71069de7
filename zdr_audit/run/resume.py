"""A run that was broken off goes on: whether it may, and what it has done already."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from zdr_audit import __version__
from zdr_audit.catalogue.model import Catalogue
from zdr_audit.journal.events import RunStarted
from zdr_audit.journal.store import Journal, JournalError
from zdr_audit.profile.load import LoadedProfile
from zdr_audit.suite.history import History
from zdr_audit.target.pace import tokens

GIVEN_UP = "given up by the user (--give-up)"


class ResumeError(Exception):
    """A run that cannot go on; the message is one line for the user."""


@dataclass(frozen=True)
class Done:
    """What the run did before it was broken off. `reads` are (epoch, reading, source)."""

    history: History
    scenarios: frozenset[str]
    reads: frozenset[tuple[str, str, str]]
    late: bool
    probed_last: bool

    @classmethod
    def of(cls, history: History) -> Done:
        """Read off the journal."""
        return cls(
            history,
            frozenset(history.scenarios),
            frozenset((r.epoch, r.reading, r.outcome.source) for r in history.reads if r.reading != "rescan"),
            any(i.epoch == "late" for i in history.interactions.values()),
            any(p.when == "last" for p in history.sanity),
        )

    @property
    def interactions(self) -> int:
        """The highest number of an interaction."""
        return max((_number(i) for i in (*self.history.interactions, *self.history.trials, *self.history.lost)), default=0)

    @property
    def canaries(self) -> int:
        return max((_number(c) for c in self.history.canaries), default=0)

    @property
    def tokens(self) -> int:
        """About how many tokens its inference took."""
        taken = [i for i in self.history.interactions.values() if i.model is not None]
        return sum(tokens(i.request_bytes) + tokens(i.answer_bytes) for i in taken)


def _number(identity: str) -> int:
    return int(identity.rpartition("-")[2])


def read(journal: Path) -> History:
    """The record of a run. Raises ResumeError where it is none, or was changed."""
    if not journal.is_file():
        raise ResumeError(f"{journal}: no run journal here (expected a report folder)")
    try:
        with Journal(journal) as record:  # not read-only: the log of a killed run is folded in
            if problems := record.problems():
                raise ResumeError(f"{journal}: the journal is damaged: {problems[0]}")
            return History(record.events())
    except (JournalError, ValueError) as exc:
        raise ResumeError(f"{journal}: cannot be resumed: {' '.join(str(exc).split())}") from None


def only_record(journal: Path) -> None:
    """Raises JournalError where it is the only record of what a broken-off run left in a target that outlives the run: another run must not replace it."""
    if not journal.is_file():
        return
    try:
        with Journal(journal) as record:
            begun = next(record.events(), None)
            history = None if not isinstance(begun, RunStarted) or begun.launched else History(record.events())
    except (JournalError, ValueError):
        return  # no record of a run
    left = len(history.leftovers()) if history is not None and not _over(history) else 0
    if left:
        folder = journal.parent
        raise JournalError(
            f"{folder}: a run broke off here, and only its record says what it left in the target ({left} object{'s' * (left != 1)}): "
            f"go on with it (--resume {shlex.quote(str(folder))}), have that removed (and --give-up), or name another --report-dir"
        )


def _over(history: History) -> bool:
    return finished(history) or (history.ended is not None and history.ended.interrupted == GIVEN_UP)


def finished(history: History) -> bool:
    """Whether the run came to its own end."""
    return history.ended is not None and history.ended.interrupted is None


def arguments(started: RunStarted) -> list[str]:
    """The options that the run was begun with. Raises ResumeError for a run whose target is gone."""
    if started.launched:
        raise ResumeError(
            "this run cannot go on: it started its own simulator, whose stores ended with it. A run against one that you start yourself "
            "(zdr-audit simulate --operator) and name with --base-url can"
        )
    return shlex.split(started.command)[2:]


def check(started: RunStarted, loaded: LoadedProfile, catalogue: Catalogue) -> None:
    """Raises ResumeError where what the run rests on is no longer the same."""
    for what, then, now in (
        ("version of zdr-audit", started.version, __version__),
        ("control catalogue", started.catalogue_digest, catalogue.digest),
        (f"profile {loaded.origin}", started.profile_digest, loaded.digest),
    ):
        if then != now:
            raise ResumeError(f"this run cannot go on: the {what} is not the one that it was begun with ({then[:12]}, now {now[:12]})")
