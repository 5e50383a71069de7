"""Text broken by what formats it: tags of XML and HTML (runs of a document, highlighted code), control words of RTF, kerning of PDF, colours of a
terminal. Its pieces follow one another in the text alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .form import Decoded, Form, Needle, letter, run
from .parts import Beginnings, cases
from .passes import PROMPTED, Event, Pass

_REACH = 8 * 1024
_MOST = 60  # units between two characters
# Tags, as they are and as careful writers of JSON have them; colours; kerning; control words.
_UNITS = (
    rb"<[^<>\x00]{1,500}>",
    rb"\\\\{0,3}u003[cC](?:[^\\<>\x00]|\\(?!\\{0,3}u003)){1,500}\\\\{0,3}u003[eE]",
    rb"&lt;[^<>&\x00]{1,300}&gt;",
    rb"(?:\x1b|\\\\{0,3}(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,20}[A-Za-z]",
    rb"\)\s{0,4}-?[0-9]{1,6}(?:\.[0-9]{0,6})?\s{0,4}\(",
    rb"\\\\{0,3}[a-z]{1,20}-?[0-9]{0,6}\ ?",
    rb"[\s{}*_`]",
)
_GAP = rb"(?>(?:" + rb"|".join(_UNITS) + rb"){0,%d})" % _MOST
_UNIT = re.compile(rb"(" + rb"|".join(_UNITS) + rb")|[A-Za-z0-9]")
_TOLD = re.compile(rb"[<\x1b(]|\\u00[13]|\\x1b|\\033|&lt;|\\[a-z]+[0-9 ]", re.IGNORECASE)


def _decode(window: bytes, start: int, _phase: int) -> Decoded | None:
    """The characters around `start` between which nothing but markup stands."""
    return run("markup", window, start, _UNIT, letter)


def markup(literal: bytes, beginnings: Beginnings) -> Pass:
    """Pieces of the literal with markup between them."""
    form = Form("markup", lambda _payload: [], _decode)
    wanted = [re.compile(_GAP.join(text[at : at + 1] for at in range(len(text)))) for text in cases(literal)]

    def find(data: bytes) -> Iterator[Event]:
        for place in beginnings.find(data):
            for text in wanted:
                found = text.match(data, place)
                if found is None or len(found[0]) == len(literal) or _TOLD.search(found[0]) is None:
                    continue
                if re.search(rb"<|\\u003c", found[0], re.IGNORECASE) or _cuts(found[0]) not in PROMPTED:
                    yield found.start(), found.end(), Needle(b"", form, reach=_REACH)

    return Pass("markup", find)


def _cuts(text: bytes) -> tuple[int, ...]:
    """After how many characters markup stands."""
    found: list[int] = []
    count = 0
    for unit in _UNIT.finditer(text):
        if unit[1] is None:
            count += 1
        elif not found or found[-1] != count:
            found.append(count)
    return tuple(found)
