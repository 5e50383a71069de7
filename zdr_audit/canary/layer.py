"""One level of a search: the bytes of a top object, or what an encoding inside it decoded to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from . import cuts, split
from .around import Around
from .forms import Decoded, Needle
from .mint import LITERAL_LENGTH, TAIL_LENGTH
from .opener import Limited, Part
from .search import Search
from .sighting import Sighting
from .split import LOOK
from .streams import UNMARKED, WHOLE, Opener, StreamDecoder
from .tidy import Doubts, Span

__all__ = ["Layer", "Sighting"]

_MAX_OPEN = 64
_BATCH = 496 * 1024  # bytes that are searched at a time, beside the overlap of twice `LOOK`
_ATTEMPT = 16 * 1024  # decoded bytes that an attempt counts for, so that data full of false beginnings are bounded too
_LOOKS = max(opener.looks for opener in WHOLE)
_NOTEWORTHY = 1024  # decoded bytes after which a failure is no accident of two bytes that looked like a zlib header


_Event = tuple[int, int, Needle | None, Opener | Part | None]


@dataclass
class _Open:
    """An encoding being decoded: fed up to `fed`, its own bytes starting at `start`."""

    opener: Opener
    decoder: StreamDecoder
    child: Layer
    start: int
    fed: int
    segment: int  # where the present member began
    produced: int = 0
    broken: str | None = None
    inside: list[Sighting] = field(default_factory=list)
    known: set[tuple[tuple[str, ...], str | None]] = field(default_factory=set)


class Layer:
    """Searches a stream of bytes fed to it in pieces. Offsets of its sightings count from its own first byte."""

    def __init__(self, search: Search, depth: int = 0) -> None:
        self._search, self._depth = search, depth
        self._options = search.options
        self._around = Around(search)
        self._buffer = b""
        self._waiting: list[bytes] = []
        self._waits = 0
        self._base = 0  # offset of the buffer's first byte
        self._done = 0  # offset up to which events were handled
        self._open: list[_Open] = []
        self._doubts = Doubts()
        self._recent: dict[Sighting, None] = {}

    def feed(self, data: bytes) -> list[Sighting]:
        self._waiting.append(data)
        self._waits += len(data)
        if self._waits < _BATCH:
            return []
        self._take()
        return self._handle(self._base + len(self._buffer) - LOOK)

    def _take(self) -> None:
        """Put what waits behind what is in the buffer."""
        self._buffer = b"".join((self._buffer, *self._waiting))
        self._waiting, self._waits = [], 0

    def finish(self) -> list[Sighting]:
        self._take()
        if self._base + len(self._buffer) < LITERAL_LENGTH:  # too little to hold the literal in any form
            return []
        found = self._handle(self._base + len(self._buffer))
        found.extend(self._closed(self._open))
        self._open = []
        return [*found, *self._sorted([])]

    def _sorted(self, found: list[Sighting]) -> list[Sighting]:
        """The sightings without those that turn out to be parts of what is seen otherwise, or may yet do so."""
        # What is recognised without a magic may be decoded only once it is had whole.
        held = [o for o in self._open if not o.opener.patterns or (o.produced and not o.opener.quiet)]
        still_open = [o.start for o in held if o.broken is None]
        return self._doubts.sort(found, still_open, self._base)

    def _handle(self, until: int) -> list[Sighting]:
        """Handle all events that begin before `until`."""
        found: list[Sighting] = []
        buffer, base = self._buffer, self._base
        for start, end, needle, opener in self._events(until):
            if self._search.stopped:
                break
            if needle is not None:
                for sighting in self._sightings(needle, start - base, end - base):
                    if sighting not in self._recent:
                        self._recent[sighting] = None
                        found.append(sighting)
                        self._search.sighted()
                        for opened in self._open:
                            opened.known.add((sighting.forms, sighting.canary))
            elif isinstance(opener, Part):
                self._enter(opener, start)
            elif opener is not None and opener.check(buffer[start - base : start - base + opener.looks]):
                found.extend(self._advance(start))
                self._begin(opener, start)
        inside = self._advance(until)
        for sighting in inside:
            for opened in self._open:
                opened.known.add((sighting.forms, sighting.canary))
        found = [*self._sorted(found), *inside]
        self._done = until
        keep = max(0, until - base - LOOK)
        self._buffer, self._base = buffer[keep:], base + keep
        self._recent = {sighting: None for sighting in self._recent if sighting.end > self._base}
        return found

    def _events(self, until: int) -> Iterator[_Event]:
        options, base, buffer = self._options, self._base, self._buffer
        events: list[_Event] = []
        for start, end, index in options.find(buffer):
            if index < len(options.needles):
                events.append((base + start, base + end, options.needles[index], None))
            else:
                openers = options.starts[index - len(options.needles)]
                events.extend((base + start - before, base + end, None, opener) for opener, before in openers)
        # An event whose beginning lies in bytes handled before was handled then: enough of what follows it was in the buffer.
        for one in options.passes:
            events.extend((base + start, base + end, needle, None) for start, end, needle in one.find(buffer))
        events.extend((base + start, base + start + 1, None, opener) for start, opener in UNMARKED.find(buffer))
        if not self._done:
            events.extend((0, 1, None, opener) for opener in WHOLE if opener.check(buffer[: opener.looks]))
        events = [event for event in events if self._done <= event[0] < until]
        events.sort(key=lambda event: event[:2])
        return iter(events)

    # Encodings that are opened as streams

    def _enter(self, part: Part, start: int) -> None:
        """Try, where a container's content begins, what has no magic."""
        at = start - self._base
        content = part.content(self._buffer[at : at + part.looks])
        if content is None:
            return
        offset, size = content
        head = self._buffer[at + offset : at + offset + min(_LOOKS, size or _LOOKS)]
        for opener in WHOLE:
            if opener.check(head[: opener.looks]):
                self._begin(opener, start + offset, size)

    def _begin(self, opener: Opener, start: int, size: int | None = None) -> None:
        for opened in self._open:
            if opened.opener is opener and opened.start < start and not opener.joins and opener.strict and not opened.decoder.ended:
                return  # the text that is being decoded already
            if opener.joins and opened.opener is opener and opened.decoder.ended and opened.broken is None and opened.fed == start:
                opened.decoder, opened.segment = opener.decoder(), start
                return
        if size is None and (twin := self._twin(opener, start)) is not None:
            if twin.opener.quiet:
                twin.opener = opener
            return
        if self._search.spent or not self._search.decoded(_ATTEMPT):
            return
        if self._depth >= self._options.max_depth:
            if opener.strict:
                self._search.note(f"{opener.name} content nested more than {self._options.max_depth} deep was not opened")
            return
        if len(self._open) >= _MAX_OPEN:
            self._search.note(f"more than {_MAX_OPEN} encodings overlap; not all were opened")
            return
        decoder = opener.decoder() if size is None else Limited(opener.decoder(), size)
        self._open.append(_Open(opener, decoder, Layer(self._search, self._depth + 1), start, start, start))

    def _twin(self, opener: Opener, start: int) -> _Open | None:
        """What has a magic, and is told without one too, is decoded once, as what may not fail unsaid."""
        for opened in self._open:
            same = opened.opener.name == opener.name and opened.opener.decoder is opener.decoder
            if same and opened.start == opened.fed == start and not isinstance(opened.decoder, Limited):
                return opened
        return None

    def _advance(self, until: int) -> list[Sighting]:
        """Feed what is open up to `until`; the sightings of what thereby ended for good."""
        done: list[_Open] = []
        for opened in self._open:
            if opened.fed >= until:
                continue
            if opened.decoder.ended:  # nothing joined on
                done.append(opened)
                continue
            self._feed(opened, self._buffer[opened.fed - self._base : until - self._base])
            if opened.decoder.ended:
                opened.fed = opened.segment + opened.decoder.consumed
                if opened.broken is not None or opened.fed < until:
                    done.append(opened)
            else:
                opened.fed = until
        self._open = [opened for opened in self._open if all(opened is not one for one in done)]
        return self._closed(done)

    def _closed(self, done: list[_Open]) -> list[Sighting]:
        """The sightings of what is decoded. What leaves its content as it is comes last: what is in it may be seen by itself too."""
        found: list[Sighting] = []
        for opened in done:
            if not opened.opener.keeps:
                found.extend(self._close(opened))
        for opened in done:
            if opened.opener.keeps:
                opened.known.update((seen.forms, seen.canary) for seen in found if opened.start <= seen.start < opened.fed)
                found.extend(self._close(opened))
        return found

    def _feed(self, opened: _Open, data: bytes) -> None:
        for block in opened.decoder.feed(data):
            opened.produced += len(block)
            if not self._search.decoded(len(block)):
                opened.broken, opened.decoder.ended = "", True
                return
            opened.inside.extend(opened.child.feed(block))
        opened.broken = opened.decoder.error

    def _close(self, opened: _Open) -> list[Sighting]:
        if not opened.decoder.ended:
            for block in opened.decoder.close():
                opened.produced += len(block)
                opened.inside.extend(opened.child.feed(block))
            opened.broken = opened.decoder.error
            opened.fed = max(opened.fed, opened.segment + opened.decoder.consumed)
        opened.inside.extend(opened.child.finish())
        known = any(sighting.canary is not None for sighting in opened.inside)
        if opened.produced and not opened.broken and (known or not opened.opener.quiet):
            self._doubts.decoded(Span(opened.start, opened.fed, known))
        name = opened.opener.name
        if opened.broken and not self._depth and opened.produced and self._search.on_broken is not None:
            self._search.on_broken(opened.start)
        if opened.broken and not opened.opener.quiet and (opened.opener.strict or opened.produced >= _NOTEWORTHY):
            where = "" if self._depth else f" at byte {opened.start}"
            self._search.note(f"{name} data{where} could be decoded only in part: {opened.broken}")
        found: dict[Sighting, None] = {}
        for sighting in opened.inside:
            whole = replace(sighting, start=opened.start, end=opened.fed, forms=(name, *sighting.forms))
            seen_anyway = opened.opener.keeps and (sighting.forms, sighting.canary) in opened.known
            if (whole.forms, whole.canary) not in opened.known and not seen_anyway:
                found[whole] = None
        return list(found)

    def _sightings(self, needle: Needle, start: int, end: int) -> Iterator[Sighting]:
        """Read the canary around a hit in bytes `start` to `end` of the buffer."""
        low = max(0, start - needle.reach)
        window = self._buffer[low : end + needle.reach]
        phase = self._base + start if needle.form is not None and needle.form.by_place else needle.phase
        for first, last, forms, canary, excerpt in self._around.read(needle, window, (start - low, end - low), phase, self._depth):
            if canary is None and needle.form is None and (whole := self._continued(start, end)) is not None:
                yield whole
            yield Sighting(self._base + low + first, self._base + low + last, forms, canary, excerpt)

    def _continued(self, start: int, end: int) -> Sighting | None:
        """The canary of which a piece that holds a whole literal, in bytes `start` to `end` of the buffer, is told by itself to be nobody's."""
        low = max(0, start - LOOK)
        window = self._buffer[low : end + LOOK]
        at = start - low
        for decoded in (split.continued(window, at, 0), *cuts.continued(window, at)) if self._search.may_join() else ():
            canary = self._beside(decoded, at) if decoded else None
            if decoded and canary is not None:
                excerpt = "".join(chr(code) for code in window[at : at + LITERAL_LENGTH])
                return Sighting(self._base + start, self._base + end, (decoded.name, "plain"), canary, excerpt)
        return None

    def _beside(self, decoded: Decoded, at: int) -> str | None:
        """The canary told by what stands beside the literal that the decoded text has from the window's byte `at`."""
        if at not in decoded.starts:
            return None
        first = list(decoded.starts).index(at)
        for start, end in ((first, first + LITERAL_LENGTH + TAIL_LENGTH), (max(0, first - TAIL_LENGTH), first + LITERAL_LENGTH)):
            canary = self._options.identify(decoded.data[start:end].decode("latin-1"))
            if canary is not None:
                return canary
        return None
