"""An audit log only grows: what a reader has seen in it stands there unchanged whenever the same reader reads it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.answers import MORE
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, listed

Entry = dict[str, Any]
_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass
class Reading:
    """The pages of one reading, from the first to the last; `whole` once there was a last one."""

    pages: list[Interaction] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return MORE not in self.pages[-1].labels

    @property
    def entries(self) -> dict[str, Entry]:
        """By their ids, as the profile reads them."""
        rows = [row for page in self.pages for row in page.data["items"]]
        return {str(row["id"]): {k: v for k, v in row.items() if k != "_whole"} for row in rows if row.get("id") is not None}


def every_log_only_grows(expect: Expect, seen_in: Iterable[Scenario] = (), again_in: Scenario | None = None) -> None:
    """Nobody misses, or sees changed, what they had seen in a log before, in all readings before time is moved. What was seen less than the settle window
    before may be on its way to whoever answers. Raises DoesNotApply where no log was read twice, or where those of a scenario that were to be read
    again at the end were not: the process that was to read them was broken off, and another went on with the run."""
    window, twice = expect.profile.limits.settle_seconds, False
    for readings in _by_reader(expect).values():
        seen: dict[str, tuple[Entry, float]] = {}
        for reading in readings:
            began, entries = _seconds(reading.pages[0].started_at), reading.entries
            settled = {name: entry for name, (entry, at) in seen.items() if at + window <= began} if reading.whole else {}
            twice = twice or bool(settled)
            for name, entry in settled.items():
                lost = "is there no more" if name not in entries else "is another one"
                promise = f"entry {name} of an audit log must be there unchanged whenever it is read again, and {lost}"
                expect.that(entries.get(name) == entry, promise, reading.pages[0])
            ended = _seconds(reading.pages[-1].ended_at)
            seen = {name: (entry, ended) for name, entry in entries.items()} | seen
    if again_in is not None and (forgotten := [item.name for item in seen_in if _is_forgotten(expect, item.name, again_in.name)]):
        raise DoesNotApply(f"no log of {', '.join(forgotten)} was read again at the end: the run was broken off in between")
    if not twice:
        raise DoesNotApply("no audit log in which there was an entry was read again by the same reader after the settle window")


def entries_keep_what_they_say(expect: Expect, before: Iterable[Interaction], later: Iterable[Interaction]) -> None:
    """What is still there of a log long after it was first read says what it said: an entry may come to its end as a whole, and not lose a part. Raises
    Inconclusive where nothing of it is there."""
    later_pages = list(later)
    first, now = ({str(row["id"]): row for row in listed(pages) if row.get("id") is not None} for pages in (before, later_pages))
    there = [name for name in first if name in now]
    if not there:
        raise Inconclusive("of the entries that were read before time went by none was read afterwards")
    for name in there:
        changed = [member for member, value in first[name].items() if member != "_whole" and now[name].get(member) != value]
        lost = [member for member in _emptied(first[name].get("_whole"), now[name].get("_whole")) if member]
        promise = f"entry {name} of an audit log must say later what it said at first ({', '.join([*changed, *lost][:5])})"
        expect.that(not changed and not lost, promise, later_pages[0])


def _emptied(before: Any, later: Any, place: str = "") -> Iterator[str]:
    """Pointers to the members of a whole entry, at any depth, that had something to say and have nothing any more."""
    if before not in _NOTHING and later in _NOTHING:
        yield place
    elif isinstance(before, dict) and isinstance(later, dict):
        for name, value in before.items():
            yield from _emptied(value, later.get(name), f"{place}/{name}" if place else name)
    elif isinstance(before, list) and isinstance(later, list):
        for at, value in enumerate(before):
            yield from _emptied(value, later[at] if at < len(later) else None, f"{place}/{at}")


def _is_forgotten(expect: Expect, scenario: str, again_in: str) -> bool:
    pages = _pages(expect.history.of([scenario, again_in]))
    seen, again = ({(page.actor, page.labels["about"]) for page in pages if page.scenario == name} for name in (scenario, again_in))
    return bool(seen) and not seen & again and expect.history.broken_off_between(scenario, again_in)


def _by_reader(expect: Expect) -> dict[tuple[str, str], list[Reading]]:
    """The readings by who read the log of which organization."""
    spec = expect.profile.operations["audit.list"]
    follows = f"{spec.page.parameter}=" if spec.page is not None else "\n"
    open_by_story: dict[tuple[str, ...], Reading] = {}
    found: dict[tuple[str, str], list[Reading]] = {}
    for page in _pages(expect.history.interactions.values()):
        reader = (page.actor, page.labels["about"])
        story = (*reader, page.scenario, page.step)
        known = open_by_story.get(story)
        if known is not None and not known.whole:
            known.pages.append(page)
        elif follows not in page.path:
            open_by_story[story] = Reading([page])
            found.setdefault(reader, []).append(open_by_story[story])
    return found


def _pages(items: Iterable[Interaction]) -> list[Interaction]:
    return [
        item
        for item in items
        if item.operation == "audit.list" and item.outcome == "accepted" and item.epoch == "main" and "items" in (item.data or {})
    ]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
