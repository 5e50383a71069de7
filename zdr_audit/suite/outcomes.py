"""What a check can come to, how an interaction and a finding are put into words, and when a list that was read page by page is all there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zdr_audit.evidence.model import Hit
from zdr_audit.journal.events import FindingSeen, Interaction
from zdr_audit.suite.answers import MORE


class Violated(AssertionError):
    """The promise is broken; the findings say where."""

    def __init__(self, message: str, findings: Sequence[FindingSeen]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class Inconclusive(Exception):
    """The record does not allow a judgement."""


class DoesNotApply(Exception):
    """The check is about what the target does not have, or what nobody gave the means for; the control's other checks carry it, or nothing does."""


def describe(item: Interaction) -> str:
    """One interaction in a line: id, who, what, what came back."""
    status = item.status if item.status is not None else item.error or "no answer"
    node = f" (node {item.labels['node']})" if "node" in item.labels else ""
    return f"{item.id} {item.actor} {item.method} {item.path}{node} -> {status}"


OF_DIGEST = ", nor a digest of it, by which whoever guesses the content can confirm it and requests with the same content can be linked"


def wording(promise: str, hit: Hit) -> str:
    """What a finding holds against the target: of a digest something else than of the content itself, which cannot be read from it."""
    if not hit.of_digest:
        return promise
    return promise + OF_DIGEST


def answer_finding(item: Interaction, message: str, canary: str | None = None) -> FindingSeen:
    """A finding whose evidence is the answer itself; `canary` where the answer held one."""
    place = f"status {item.status}" if item.status is not None else (item.error or "no answer")
    thing = f"{item.method} {item.path}"
    return FindingSeen(source="answers", object=thing, location=place, canary=canary, interaction=item.id, message=message)


def listed(pages: Iterable[Interaction]) -> list[Any]:
    """The items of a list that was read page by page."""
    return [item for page in pages if isinstance(page.data, dict) for item in page.data.get("items", ())]


def read_to_the_end(pages: Sequence[Interaction]) -> None:
    """The pages of one list are all there are: what is missing in them is not in the list. Raises Inconclusive; a list that was refused is left to the check.
    What may not stand in a list is looked for on the pages that were had before this is asked."""
    lost = next((page for page in pages[1:] if pages[0].outcome == "accepted" != page.outcome), None)
    if lost is not None:
        raise Inconclusive(f"the list was not read to its end: {describe(lost)}")
    if MORE in pages[-1].labels:
        raise Inconclusive(f"the list has more pages than the {len(pages)} that were read")
