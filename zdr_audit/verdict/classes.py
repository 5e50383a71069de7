"""How large a share of the requests of each class could leak: exact one-sided binomial bounds (Clopper-Pearson) over the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scipy.stats import beta

from zdr_audit.journal.events import Interaction
from zdr_audit.report.model import ClassBound
from zdr_audit.suite.history import History
from zdr_audit.suite.switching import switchings

CONFIDENCE = 0.95
LONG = 16_384
ALL = "All requests"
_PLACES = {
    "system": "System prompts",
    "history": "Earlier turns",
    "prefill": "Prefilled answers",
    "tool_name": "Tool definitions",
    "tool_description": "Tool definitions",
    "tool_schema": "Tool definitions",
    "tool_input": "Tool inputs and results",
    "tool_result": "Tool inputs and results",
    "result_text": "Tool inputs and results",
    "result_image": "Tool inputs and results",
    "result_document": "Tool inputs and results",
    "result_search": "Tool inputs and results",
    "server_result": "Tool inputs and results",
    "image": "Images",
    "document": "Documents",
    "document_title": "Documents",
    "document_context": "Documents",
    "document_text": "Documents",
    "document_image": "Images",
    "search_result": "Documents",
    "search_title": "Documents",
    "search_source": "Documents",
    "earlier_thinking": "Earlier turns",
    "user_id": "Metadata, stop sequences, headers",
    "stop_sequence": "Metadata, stop sequences, headers",
    "header": "Metadata, stop sequences, headers",
    "unknown_field": "Metadata, stop sequences, headers",
}
_FLAGS = {"stream": "Streamed", "cache": "With cache markers", "thinking": "With thinking"}
_ORDER = (ALL, "Plain", "Streamed", *dict.fromkeys(_PLACES.values()), "Long", "With cache markers", "With thinking", "Token counting")


def upper_bound(leaked: int, accepted: int) -> float:
    """Clopper-Pearson: the largest share that gives no more than `leaked` leaks among `accepted` (at least 1) with a probability of 5 %."""
    return 1.0 if leaked >= accepted else float(beta.ppf(CONFIDENCE, leaked + 1, accepted - leaked))


def class_bounds(history: History, *, sighted: bool) -> tuple[ClassBound, ...]:
    """A bound for all requests whose content must not be kept, and for each class of them. No bound is stated where a source was blind."""
    stores = {source for source, (kind, _) in history.run.sources.items() if kind != "http"}
    seen = {hit.canary for read in history.reads for hit in read.outcome.hits if read.outcome.source in stores}
    switches = switchings(history.interactions.values())
    counts: dict[str, list[int]] = {}
    for item in history.interactions.values():
        if item.content != "zdr" or not item.accepted or not item.canaries:
            continue
        if item.organization_id in switches and switches[item.organization_id].promise(item) != "zdr":
            continue  # in flight while ZDR was switched: it may have been served under standard retention
        leaked = any(canary in seen for canary in item.canaries)
        for name in classes(item):
            count = counts.setdefault(name, [0, 0])
            count[0] += 1
            count[1] += leaked
    return tuple(
        ClassBound(
            name=name, accepted=accepted, leaked=leaked, upper=round(upper_bound(leaked, accepted), 6) if sighted and stores else None
        )
        for name, (accepted, leaked) in sorted(counts.items(), key=lambda one: _rank(one[0]))
    )


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def classes(item: Interaction) -> tuple[str, ...]:
    """The classes of one request, by what it was and by what became of it."""
    return tuple(dict.fromkeys((ALL, *_of_shape(item), *_of_fate(item))))


def _of_shape(item: Interaction) -> Iterator[str]:
    shape = item.stimulus
    if item.operation == "messages.count_tokens":
        yield "Token counting"
    if shape is None:
        yield "Features that need storage" if item.operation.partition(":")[0] in ("feature", "declared") else "Other operations"
        return
    places: Iterable[str] = shape.get("places", ("message",))
    special = [_PLACES.get(place, place.replace("_", " ").capitalize()) for place in places if place != "message"]
    yield from special
    flags = [words for name, words in _FLAGS.items() if shape.get(name)]
    yield from flags
    long = int(shape.get("padding", 0)) + int(shape.get("noise", 0)) >= LONG
    if long:
        yield "Long"
    if not (special or flags or long or shape.get("wrong") or shape.get("abandon_after")) and item.status == 200:
        yield "Plain"
    if item.model:
        yield f"Model {item.model}"


def _of_fate(item: Interaction) -> Iterator[str]:
    if item.outcome == "abandoned":
        yield "Closed by the client midway"
    elif item.status is not None and item.status >= 500:
        yield "Answered with a server error"
    elif item.status is not None and item.status >= 400:
        yield "Answered with a client error or a refusal"
