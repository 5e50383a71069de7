"""Finding canaries in bytes: in any known form, at any offset, inside anything that can be opened."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from .automaton import Automaton
from .cuts import cut_passes
from .digest_search import digest_pass, known_whole
from .digests import ALGORITHMS, DigestBook
from .fast import Fast
from .forms import FORMS, added, needles
from .layer import Layer
from .markup import markup
from .mint import LITERAL_LENGTH, check_literal, new_literal
from .opener import Opener, Part
from .parts import Beginnings, Fragments, fragments
from .passes import Pass, passes
from .places import PARTS
from .search import Search
from .sighting import Sighting
from .streams import OPENERS, UNMARKED, WHOLE
from .tokens import NAME as TOKEN_IDS
from .tokens import Tokenizer, token_needles

__all__ = ["Seeker", "Sighting", "searched_forms"]

CHUNK = 512 * 1024
_AT_HAND = 4 * 1024 * 1024


_ORDERS = {"utf-16le": "utf-16", "utf-16be": "utf-16"}
_LOOKS = max(opener.looks for opener in WHOLE)


def _may_begin(data: bytes) -> bool:
    return any(opener.check(data[: opener.looks]) for opener in WHOLE)


def _is_long_text(pattern: bytes) -> bool:
    """Whether a pattern is text that stands in more of it than the canary itself would take."""
    return len(pattern) > LITERAL_LENGTH and pattern.isascii() and pattern.decode().isprintable()


def _passes(literal: bytes, fast: Fast, first: int) -> list[Pass]:
    beginnings = Beginnings(literal, fast)
    return [*passes(literal, beginnings), markup(literal, beginnings), *cut_passes(literal, Fragments(literal, fast, first), beginnings)]


@cache
def searched_forms() -> tuple[str, ...]:
    """The names of the forms that every search covers, as they stand in `Sighting.forms`, and those of damaged text."""
    openers = dict.fromkeys(_ORDERS.get(opener.name, opener.name) for opener in (*OPENERS, *WHOLE) if not opener.refused)
    named = (
        "plain",
        "upper-case",
        "mixed-case",
        "prefix",
        "suffix",
        "rows",  # text put together from the rows of a table, by the readers of databases
        *FORMS,
        *added(),
        *(one.name for one in _passes(new_literal().encode(), Fast((), b""), 0)),
        *openers,
    )
    return tuple(dict.fromkeys(named))


class Seeker:
    """Searches data for every canary that carries one literal. The cost does not depend on how many canaries there are.

    `identify` gives the id of a canary from its text (`Registry.identify`). Encodings are opened to `max_depth` one inside the other. The
    decoded bytes of one top object are bounded by the larger of `max_inflate_bytes` and `max_ratio` times the object's own bytes.
    `digests` are those of what was sent, `tokenizer` the one whose ids a text may be kept as: both are looked for too.
    """

    def __init__(
        self,
        literal: str,
        identify: Callable[[str], str | None],
        max_depth: int = 6,
        max_inflate_bytes: int = 256 * 1024 * 1024,
        *,
        max_ratio: int = 100,
        max_sightings: int = 100_000,
        digests: DigestBook | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.literal = check_literal(literal).encode()
        self.identify = identify
        self.max_depth, self.max_inflate_bytes, self.max_ratio, self.max_sightings = max_depth, max_inflate_bytes, max_ratio, max_sightings
        self.needles = [*needles(literal), *(token_needles(literal, tokenizer) if tokenizer else ())]
        self._tokenized = tokenizer is not None
        self._digests = digests
        begin: dict[bytes, list[tuple[Opener | Part, int]]] = {}
        openers: tuple[Opener | Part, ...] = (*OPENERS, *PARTS)
        for opener in openers:
            for pattern, before in opener.patterns:
                begin.setdefault(pattern, []).append((opener, before))
        self.starts = [tuple(those) for those in begin.values()]
        patterns = [*(needle.pattern for needle in self.needles), *begin]
        in_text = [at for at, needle in enumerate(self.needles) if needle.form is not None and _is_long_text(needle.pattern)]
        in_text += [
            len(self.needles) + at
            for at, those in enumerate(self.starts)
            if all(isinstance(opener, Opener) and opener.in_text for opener, _ in those)
        ]
        self.fast = Fast([*patterns, *fragments(self.literal)], self.literal, in_text)
        self._automaton = Automaton(patterns, frozenset(in_text), self.fast)
        self.passes = _passes(self.literal, self.fast, len(patterns))
        self._digest_pass = digest_pass(digests) if digests is not None else None
        if self._digest_pass is not None:
            self.passes.append(self._digest_pass)
        # The C library's allocator then keeps as much at hand, where otherwise it gives back and takes anew the memory of every chunk.
        bytes(_AT_HAND)

    def without_digests(self) -> Seeker:
        """The same seeker, but blind to digests: for whoever asks for content alone."""
        if self._digests is None:
            return self
        other = copy.copy(self)
        other.passes, other._digests = [one for one in self.passes if one is not self._digest_pass], None
        return other

    def find(self, data: bytes) -> list[tuple[int, int, int]]:
        """(start, end, index) of each pattern: first those of `needles`, then those of `starts`."""
        return self._automaton.find(data)

    def may_see(self, data: bytes) -> bool:
        """Whether a search of these bytes could find anything; much cheaper than a search, for stores of many small values."""
        return (
            any(self._begins(data, start, index) for start, _, index in self.find(data))
            or _may_begin(data)
            or next(UNMARKED.find(data), None) is not None
            or any(next(one.find(data), None) is not None for one in self.passes)
        )

    def _begins(self, data: bytes, start: int, index: int) -> bool:
        """Whether a match found is one of a needle, or of the beginning of what can be opened."""
        if index < len(self.needles):
            return True
        for opener, before in self.starts[index - len(self.needles)]:
            at = start - before
            if at < 0:
                continue
            if isinstance(opener, Opener):
                if opener.check(data[at : at + opener.looks]):
                    return True
            elif (content := opener.content(data[at : at + opener.looks])) is not None and _may_begin(data[at + content[0] :][:_LOOKS]):
                return True
        return False

    def may_see_in(self, values: Sequence[bytes]) -> bool:
        """The same for many values at once: whether a search of any of them could find anything."""
        return (
            self.may_see(b"\n".join(values))
            or any(_may_begin(value) for value in values)
            or (self._digests is not None and any(known_whole(self._digests, value) for value in values))
        )

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the forms that this seeker's searches cover."""
        more = (*(ALGORITHMS if self._digests is not None else ()), *([TOKEN_IDS] if self._tokenized else ()))
        return (*searched_forms(), *more)

    def search(
        self,
        data: bytes | bytearray | memoryview | Iterable[bytes],
        on_note: Callable[[str], None] | None = None,
        on_broken: Callable[[int], None] | None = None,
    ) -> Iterator[Sighting]:
        """The sightings in one top object, given whole or in chunks of any size, roughly by place and the same for any chunks.

        `on_note` is told, in a sentence each, what could not be examined: an encoding that broke off, went too deep or hit a bound.
        `on_broken` is told where compressed data begin that broke off, for a caller who knows where they may go on.
        """
        search = Search(self, on_note, on_broken)
        layer = Layer(search)
        for chunk in _chunks(data):
            search.took(len(chunk))
            yield from layer.feed(chunk)
            if search.stopped:
                break
        yield from layer.finish()


def _chunks(data: bytes | bytearray | memoryview | Iterable[bytes]) -> Iterator[bytes]:
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data).cast("B")
        for start in range(0, len(view), CHUNK):
            yield bytes(view[start : start + CHUNK])
        return
    for piece in data:
        if len(piece) <= 2 * CHUNK:
            yield piece
        else:
            yield from _chunks(piece)
