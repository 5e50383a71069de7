"""A dialect-neutral description of an inference request: what kind it is and in which places content (canaries) stands."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

Place = Literal[
    "message", "system", "history", "prefill", "tool_name", "tool_description", "tool_schema", "tool_input", "tool_result",
    "result_text", "result_image", "result_document", "result_search", "image", "document", "document_title", "document_context", "document_text",
    "document_image", "search_result", "search_title", "search_source", "server_result", "earlier_thinking", "user_id", "stop_sequence", "header",
    "unknown_field",
]  # fmt: skip
PLACES: tuple[Place, ...] = (
    "message", "system", "history", "prefill", "tool_name", "tool_description", "tool_schema", "tool_input", "tool_result",
    "result_text", "result_image", "result_document", "result_search", "image", "document", "document_title", "document_context", "document_text",
    "document_image", "search_result", "search_title", "search_source", "server_result", "earlier_thinking", "user_id", "stop_sequence", "header",
    "unknown_field",
)  # fmt: skip
Wrong = Literal[
    "unknown_model", "negative_max_tokens", "empty_messages", "bad_role", "broken_json", "no_version", "bad_credential", "too_large"
]
WRONG: tuple[Wrong, ...] = get_args(Wrong)
Sampling = Literal["warm", "nucleus"]
Choice = Literal["auto", "any", "named", "none"]
Signs = Literal["terminal", "invisible", "binary"]
Guise = Literal["personal", "credentials"]
REFUSABLE: frozenset[Place] = frozenset({"unknown_field", "earlier_thinking", "server_result"})
"""Places that a target may answer with a client error, and be right: whoever sends content there must be ready for one. Thinking bears a
signature, as what a tool of the provider's found does, and no target need take one that it did not give."""
INSIDE: frozenset[Place] = frozenset({"document_text", "document_image"})
"""Places in blocks inside a document: most interfaces have documents in one piece alone."""
RESULT: frozenset[Place] = frozenset({"result_text", "result_image", "result_document", "result_search"})
"""Places in blocks inside a tool's result, which is a plain text where it has `tool_result` alone."""
SEARCH: frozenset[Place] = frozenset({"search_result", "search_title", "search_source"})
"""Places in what the client found by a search of its own."""
IN_BLOCKS: frozenset[Place] = INSIDE | RESULT | SEARCH | {"document_context", "earlier_thinking", "server_result"}
"""Places that interfaces have whose messages are made of blocks with blocks of their own, and no others."""
_COMES_WITH: dict[str, tuple[str, ...]] = {
    "tool_name": ("tool_description",),
    "document_text": ("document",),
    "document_image": ("document", "image"),
    "document_context": ("document",),
    "result_text": ("tool_result",),
    "result_image": ("tool_result", "image"),
    "result_document": ("tool_result", "document"),
    "result_search": ("tool_result", "search_result"),
    "search_title": ("search_result",),
    "search_source": ("search_result",),
    "server_result": ("tool_result",),
    "earlier_thinking": ("history", "thinking"),
}
"""What a target has only if it has the others, whose names a profile may know where it does not know this one."""
SWITCHES = ("stream", "cache", "cache_hour", "thinking", "answer", "steady", "brief", "tool_failed", "stopped")
"""What a request can be sent without, and still be worth sending."""
CHOICES = ("sampling", "tool_choice", "signs", "guise")
"""What a request can have one of several of, or none."""

FEWEST: dict[str, int] = {"turns": 0, "tools": 1, "copies": 1}
"""What a request can have many of, and how many it has where nothing is said of it."""


class Stimulus(BaseModel):
    """What to send. `answer` asks the model to join parts into a canary that the request does not contain; `wrong` makes the request one that the
    target must answer with a 4xx; `padding` adds that many bytes of filler text, `noise` that many characters of random text
    that cannot be compressed, 6 bits each; `abandon_after` closes the connection after so many answer bytes. `opening` names a long beginning,
    marked for the prompt cache, that is the same in every request of that name, whoever sends it. `steady` asks for the same answer each time, `brief`
    for one so short that it is cut off; `turns` are so many earlier questions and answers, `scripts` a sentence in several writing systems; `closing`
    puts the message's canary at the very end of the user's words. `store` asks the target to store the request, `tool_failed` says of a tool's result
    that it is an error; `sampling` sets how the model draws (`warm`, `nucleus`) and, where there are tools, leaves the choice of one to it; `tool_choice` says
    what it may choose instead (`any`: it must use one of them, `named`: the first one). `bare` says as a
    plain string what could be a list of parts, `pdf` brings the document as one. `chunked` sends the body in chunks, its length untold; `unnamed`
    sends no User-Agent; `unfinished` goes away when all of the body but its announced end was sent; of
    a body that is too large, all but a beginning is announced alone, and the refusal is waited for. `tools` is how many tools there are where there is
    one, `copies` how often all else is said that can be said more than once (blocks of text and of the system prompt, images, documents, stop
    sequences); `without` names query parameters and headers of the profile's operation that are not sent; `cache_hour` asks for the longer time to live
    wherever something is marked for the cache; `stopped` has the answer end at the stop sequence. Many a backend decides by such things what to cache, to
    sample, to spool or to cut. `signs` stand around the content that a reader does not see (those of a terminal, say), and by its `guise` it is said as
    what detectors look for: as personal data, as credentials. `ask` is how the answer is asked for, where the target understands other words than ours:
    `{parts}` in it is what is to be joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    stream: bool = False
    places: frozenset[Place] = frozenset({"message"})
    answer: bool = True
    padding: int = 0
    noise: int = 0
    cache: bool = False
    cache_hour: bool = False
    thinking: bool = False
    wrong: Wrong | None = None
    abandon_after: int | None = None
    session: str | None = None
    opening: str | None = None
    steady: bool = False
    brief: bool = False
    turns: int = 0
    scripts: bool = False
    closing: bool = False
    store: bool = False
    tool_failed: bool = False
    sampling: Sampling | None = None
    tool_choice: Choice | None = None
    bare: bool = False
    pdf: bool = False
    chunked: bool = False
    unnamed: bool = False
    unfinished: bool = False
    tools: int = 1
    copies: int = 1
    without: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    stopped: bool = False
    signs: Signs | None = None
    guise: Guise | None = None
    ask: str = ""


def features(stimulus: Stimulus) -> tuple[str, ...]:
    """What a dialect must be able to say so as to send this stimulus whole, in words that `absent` of a profile uses after `stimulus:`."""
    flags = {"stream": stimulus.stream, "cache": stimulus.cache, "thinking": stimulus.thinking, "session": stimulus.session is not None}
    flags |= {"cache_hour": stimulus.cache_hour, "opening": stimulus.opening is not None}
    flags |= {"steady": stimulus.steady, "brief": stimulus.brief, "turns": stimulus.turns > 0, "store": stimulus.store}
    flags |= {
        "tool_failed": stimulus.tool_failed,
        "sampling": stimulus.sampling is not None,
        "tool_choice": stimulus.tool_choice is not None,
    }
    flags |= {"tools": stimulus.tools > 1, "copies": stimulus.copies > 1}
    flags |= {"signs": stimulus.signs is not None, "guise": stimulus.guise is not None}
    flags |= {"answer": stimulus.answer, f"wrong:{stimulus.wrong}": stimulus.wrong is not None}
    return (*(p for p in PLACES if p in stimulus.places), *(name for name, used in flags.items() if used))


def fitted(stimulus: Stimulus, offered: Collection[str]) -> tuple[Stimulus | None, tuple[str, ...]]:
    """The stimulus without what cannot be said, and what was left out. None where nothing worth sending is left: no place for content, or without
    what makes it that stimulus (a session, a common opening, a wish to be stored, a mistake on purpose, a stream to be abandoned)."""
    missing = tuple(name for name in features(stimulus) if not {name, *_COMES_WITH.get(name, ())} <= {*offered})
    kept = stimulus.places.difference(missing)
    essential = {"session", "opening", "store", f"wrong:{stimulus.wrong}"} | ({"stream"} if stimulus.abandon_after is not None else set())
    if essential & set(missing) or (stimulus.places and not kept):
        return None, missing
    update: dict[str, object] = {name: False for name in SWITCHES if name in missing}
    update |= {name: fewest for name, fewest in FEWEST.items() if name in missing}
    update |= {name: None for name in CHOICES if name in missing}
    return stimulus.model_copy(update=update | {"places": kept}), missing
