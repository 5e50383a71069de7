"""The shape of a stimulus as a set of features: what can be taken away from a request, what is left, and how to say it in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from zdr_audit.target.stimulus import PLACES, Stimulus


class Feature(NamedTuple):
    """One thing that a request has and a smaller one has not: `Feature("stream", True)`, `Feature("place", "system")`, `Feature("padding", 48000)`."""

    name: str
    value: Any


Features = frozenset[Feature]
SIZES = ("padding", "noise")
"""Features that can be had in part."""
_PLAIN = Stimulus(places=frozenset(), answer=False)
_SWITCHES = tuple(name for name in Stimulus.model_fields if name not in ("places", "headers", "ask"))
_FIRST = ("place", "answer", "stream", *SIZES)


def features(stimulus: Stimulus) -> Features:
    """What the request has beyond a plain question without any marker."""
    found = {Feature("place", place) for place in stimulus.places} | {Feature("header", pair) for pair in stimulus.headers}
    found |= {Feature(name, value) for name in _SWITCHES if (value := getattr(stimulus, name)) != getattr(_PLAIN, name)}
    return frozenset(found)


def build(chosen: Features) -> Stimulus:
    """The request that has these features and no others."""
    fields: dict[str, Any] = {f.name: f.value for f in chosen if f.name in _SWITCHES}
    return _PLAIN.model_copy(
        update=fields
        | {
            "places": frozenset(f.value for f in chosen if f.name == "place"),
            "headers": tuple(sorted(f.value for f in chosen if f.name == "header")),
        }
    )


def ordered(chosen: Iterable[Feature]) -> list[Feature]:
    """In a fixed order, what is most telling first."""

    def rank(feature: Feature) -> tuple[int, str, int, str]:
        first = _FIRST.index(feature.name) if feature.name in _FIRST else len(_FIRST)
        return first, feature.name, PLACES.index(feature.value) if feature.name == "place" else 0, str(feature.value)

    return sorted(chosen, key=rank)


def size(chosen: Features) -> tuple[int, int]:
    """How large a request is: by the number of its features, then by the room that it takes."""
    return len(chosen), sum(f.value for f in chosen if f.name in SIZES)


def within(small: Features, large: Features) -> bool:
    """Whether the small request can be had from the large one by taking away."""
    sizes = {f.name: f.value for f in large if f.name in SIZES}
    return all(f in large or (f.name in SIZES and f.value <= sizes.get(f.name, 0)) for f in small)


def data(stimulus: Stimulus) -> dict[str, Any]:
    """The request as JSON data, without what a plain request has anyway. `Stimulus.model_validate` reads it back."""
    found = stimulus.model_dump(mode="json", exclude_defaults=True)
    if "places" in found:
        found["places"] = [place for place in PLACES if place in stimulus.places]
    return found


_PLACE_WORDS: Mapping[str, str] = {
    "message": "the user's message",
    "system": "the system prompt",
    "history": "earlier turns of the conversation",
    "prefill": "the prefilled beginning of the answer",
    "tool_name": "a tool's name",
    "tool_description": "a tool's description",
    "tool_schema": "a tool's schema",
    "tool_input": "the input of a tool call",
    "tool_result": "the result of a tool call",
    "result_text": "a text in the result of a tool call",
    "result_image": "an image in the result of a tool call",
    "result_document": "a document in the result of a tool call",
    "result_search": "a search result in the result of a tool call",
    "image": "an image",
    "document": "a document",
    "document_title": "a document's title",
    "document_context": "what is said of a document beside it",
    "document_text": "a text inside a document",
    "document_image": "an image inside a document",
    "search_result": "a search result",
    "search_title": "the title of a search result",
    "search_source": "the source of a search result",
    "server_result": "what a tool of the provider's found, sent back",
    "earlier_thinking": "earlier thinking that is sent back",
    "user_id": "the user id in the metadata",
    "stop_sequence": "a stop sequence",
    "header": "a request header",
    "unknown_field": "a field that the interface does not know",
}
_WRONG_WORDS: Mapping[str, str] = {
    "unknown_model": "that names an unknown model",
    "negative_max_tokens": "with an impossible token limit",
    "empty_messages": "without messages",
    "bad_role": "with an unknown role",
    "broken_json": "that is no whole JSON",
    "no_version": "without the version header",
    "bad_credential": "with a wrong credential",
    "too_large": "larger than the interface takes",
}


def words(operation: str, stimulus: Stimulus) -> str:
    """The request in words: `one streamed request with content in the user's message`."""
    kind = {"messages.create": "request", "messages.count_tokens": "request to count tokens"}.get(operation, f"request ({operation})")
    plain = not (features(stimulus) - {Feature("place", "message"), Feature("answer", True)})
    adjectives = ["streamed"] if stimulus.stream else []
    adjectives += ["plain"] if plain else []
    parts = [" ".join(["one", *adjectives, kind])]
    if stimulus.wrong:
        parts.append(_WRONG_WORDS.get(stimulus.wrong, stimulus.wrong.replace("_", " ")))
    places = [_PLACE_WORDS.get(place, place.replace("_", " ")) for place in PLACES if place in stimulus.places]
    alone = stimulus.answer and not places
    nothing = "whose answer alone holds content" if alone else "with nothing special in it"
    parts.append(f"with content in {_listed(places)}" if places else nothing)
    told = ("place", "stream", "wrong", "abandon_after", *(["answer"] if alone else []))
    more = [feature_words(feature) for feature in ordered(features(stimulus)) if feature.name not in told]
    text = " ".join(parts) + (f", and with {_listed(more)}" if more else "")
    return text + (
        f"; the client closes the connection after {stimulus.abandon_after:,} bytes" if stimulus.abandon_after is not None else ""
    )


_CHOICE_WORDS: Mapping[str, str] = {
    "auto": "the choice of a tool left to the model",
    "any": "a model that must use a tool",
    "named": "a model that must use the tool named",
    "none": "a model that must use no tool",
}
_SIGNS_WORDS: Mapping[str, str] = {
    "terminal": "control characters of a terminal around the content",
    "invisible": "signs without width around the content",
    "binary": "NUL and other control characters around the content",
}
_GUISE_WORDS: Mapping[str, str] = {
    "personal": "the content said as personal data",
    "credentials": "the content said as credentials",
}
_FEATURE_WORDS: Mapping[str, str] = {
    "answer": "an answer that the model is told to give",
    "stream": "streaming",
    "cache": "cache markers",
    "cache_hour": "what is marked for the cache to stay there for an hour",
    "thinking": "thinking switched on",
    "session": "a session id",
    "opening": "a long beginning that others send too",
    "steady": "the temperature at zero",
    "brief": "a bound that cuts the answer off",
    "scripts": "a sentence in several writing systems",
    "closing": "its last words as the place of the content",
    "store": "the wish to be stored",
    "tool_failed": "a tool's result that is called an error",
    "bare": "its text as a plain string",
    "pdf": "the document as a PDF",
    "chunked": "its body in chunks of untold length",
    "unnamed": "no User-Agent",
    "stopped": "an answer that ends at the stop sequence",
    "unfinished": "a client that goes away before the announced end of its body",
    "abandon_after": "a client that closes the connection midway",
}


def feature_words(feature: Feature) -> str:
    """One feature in a few words."""
    name, value = feature
    match name:
        case "place":
            return f"content in {_PLACE_WORDS.get(value, str(value).replace('_', ' '))}"
        case "padding":
            return f"{value:,} bytes of filler"
        case "noise":
            return f"{value:,} characters of random text"
        case "wrong":
            return f"a request {_WRONG_WORDS.get(value, str(value).replace('_', ' '))}"
        case "model":
            return f"the model {value}"
        case "opening":
            return _FEATURE_WORDS["opening"]
        case "sampling":
            return f"{value} sampling"
        case "tool_choice":
            return _CHOICE_WORDS.get(value, f"the choice of tools {value}")
        case "signs":
            return _SIGNS_WORDS.get(value, f"{value} signs")
        case "guise":
            return _GUISE_WORDS.get(value, f"the content said as {value}")
        case "turns":
            return f"{value} earlier turn{'s' if value > 1 else ''}"
        case "tools":
            return f"{value} tools"
        case "copies":
            return f"{value} of each block"
        case "without":
            return f"an address without {_listed(list(value))}"
        case "header":
            return f"the header {value[0]}"
        case _:
            said = name.replace("_", " ")
            return _FEATURE_WORDS.get(name, said if value is True else f"{said} {value}")


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
