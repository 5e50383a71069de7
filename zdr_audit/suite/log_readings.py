"""Every page of an audit log that was read in a run, by whichever scenario: whether it is in order, and a piece of a chain. Single entries beside it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.log_entries import moment, number_of, oldest_first
from zdr_audit.suite.outcomes import Inconclusive, listed

INDISPENSABLE = ("actor", "organization", "type", "outcome")
"""What an entry is of no use without, by our names of what a list says."""


def pages_read(expect: Expect) -> list[tuple[Interaction, tuple[dict[str, Any], ...]]]:
    """Every page of an audit log that was read in the run, by whichever scenario and whenever, with its entries in order. Raises Inconclusive where none
    was."""
    read = [i for i in expect.history.interactions.values() if i.operation == "audit.list" and i.outcome == "accepted"]
    pages = [(i, oldest_first(tuple((i.data or {}).get("items", ())))) for i in read]
    if not any(entries for _, entries in pages):
        raise Inconclusive("no entry of an audit log was read in the whole run")
    return pages


def every_chain_recomputes(expect: Expect) -> None:
    """Each page of a log that was read in the run is a piece of a chain. What carries content is not recorded whole, and is left to the control on that."""
    pieces = [(page, chained_wholes_of(expect, entries)) for page, entries in pages_read(expect) if not page.echoes]
    if not any(len(wholes) > 1 for _, wholes in pieces):
        raise Inconclusive("the entries could not be recorded whole, so no chain can be recomputed")
    for page, wholes in pieces:
        a_chain_recomputes(expect, wholes, page)


def every_log_is_in_order(expect: Expect) -> None:
    """Each page of a log that was read in the run lists its entries in order, each once. Raises Inconclusive where entries have no number."""
    numbered = [(page, [number_of(entry) for entry in entries]) for page, entries in pages_read(expect)]
    if not any(len(numbers) > 1 and None not in numbers for _, numbers in numbered):
        raise Inconclusive("the entries have no sequence number, so there is no order to check")
    for page, numbers in numbered:
        told = [number for number in numbers if number is not None]
        expect.that(told == sorted(set(told)), "a log must list entries in order, each once", page)


def same_as_in_the_list(expect: Expect, pages: Sequence[Interaction], singles: Sequence[Interaction]) -> None:
    """What a list and an entry read by its id both say of that entry is the same, and neither is silent on who did what, where and whether it was done:
    whichever of the two an admin looks at, it is what happened. Raises Inconclusive for an entry of which they have nothing but its id in common."""
    expect.served([*pages, *singles], "an organization's admin must be able to read its audit log, and each entry of it by its id")
    entries = {str(entry.get("id")): entry for entry in listed(pages)}
    if not singles:
        raise Inconclusive("no entry of the log was read by its id")
    unclear = []
    for single in singles:
        known = entries.get(single.labels.get("entry", ""), {})
        told = single.data if isinstance(single.data, dict) else {}
        views = [(known, told), (known.get("_whole"), told.get("_whole"))]
        both = [_told_by_both(ours, theirs) for ours, theirs in views]
        if not any(names.keys() - {"id", _member(expect, "id")} for names in both):
            unclear.append(single.labels.get("entry", ""))
            continue
        other = [name for names in both for name, (one, another) in names.items() if one != another]
        which = f"entry {known.get('id')}, read by its id, must say what the list says of it"
        silent = _left_out(expect, known, told)
        expect.that(not silent, f"{which}: it leaves out {', '.join(silent)}", single)
        expect.that(not other, f"{which} ({', '.join(other[:5])})", single)
    if unclear:
        raise Inconclusive(f"entry {unclear[0]}: list and single entry name nothing but its id that both have, so they cannot be compared")


def _told_by_both(ours: Any, theirs: Any) -> dict[str, tuple[Any, Any]]:
    """The members of an entry that two answers have, as each says it; `_whole` is looked into by itself."""
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return {}
    return {name: (ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys()) if name != "_whole"}


def _left_out(expect: Expect, known: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """Which of `INDISPENSABLE` the list says of an entry and the entry itself does not: a name that the profile takes from it, or the member of the whole
    that the list's field is taken from."""
    taken = expect.profile.operations["audit.entry"].extract
    ours, theirs = known.get("_whole"), told.get("_whole")
    silent = []
    for name in INDISPENSABLE:
        if name in taken and known.get(name) is not None and told.get(name) is None:
            silent.append(name)
        elif isinstance(ours, dict) and isinstance(theirs, dict) and name not in taken:
            member = _member(expect, name)
            if ours.get(member) is not None and theirs.get(member) is None:
                silent.append(name)
    return silent


def _member(expect: Expect, name: str) -> str:
    """The member of a whole entry in which the target says this, by the place that the list's field is taken from."""
    place = expect.profile.operations["audit.list"].fields.get(name, name)
    return (re.findall(r"[\w-]+", place) if place.startswith("$") else place.lstrip("/").split("/"))[0]


def wholes_of(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [e["_whole"] for e in entries if isinstance(e.get("_whole"), dict)]


def chained_wholes_of(expect: Expect, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, oldest first: of entries that have no number and the same time, as a page of one second of a log may, only the chain tells which is older."""
    wholes, chain = wholes_of(entries), expect.profile.audit_chain
    times = {moment(entry.get("at")) for entry in entries} - {None}
    if chain is None or len(times) > 1 or all(number_of(entry) is not None for entry in entries):
        return wholes
    falls = all(newer.get(chain.previous) == older.get(chain.digest) for newer, older in pairwise(wholes))
    return wholes[::-1] if falls else wholes


def a_chain_recomputes(expect: Expect, wholes: Iterable[dict[str, Any]], log: Interaction) -> None:
    chain = expect.profile.audit_chain
    if chain is None:
        raise Inconclusive("the profile does not say how entries are chained (audit_chain)")
    previous = None
    for whole in wholes:
        rest = {k: v for k, v in whole.items() if k != chain.digest}
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        expect.that(whole.get(chain.digest) == digest, f"the digest of entry {whole.get('id')} must be that of its content", log)
        if previous is not None:
            expect.that(whole.get(chain.previous) == previous, f"entry {whole.get('id')} must name the digest of the entry before", log)
        previous = digest
