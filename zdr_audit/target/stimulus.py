"""A dialect-neutral description of an inference request: what kind it is and in which places content (canaries) stands."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Place = Literal[
    "message", "system", "history", "prefill", "tool_description", "tool_schema", "tool_input", "tool_result",
    "image", "document", "document_title", "user_id", "stop_sequence", "header",
]  # fmt: skip
PLACES: tuple[Place, ...] = (
    "message", "system", "history", "prefill", "tool_description", "tool_schema", "tool_input", "tool_result",
    "image", "document", "document_title", "user_id", "stop_sequence", "header",
)  # fmt: skip
Wrong = Literal[
    "unknown_model", "negative_max_tokens", "empty_messages", "bad_role", "broken_json", "no_version", "bad_credential", "too_large"
]


class Stimulus(BaseModel):
    """What to send. `answer` asks the model to join parts into a canary that the request does not contain; `wrong` makes the request one that the
    target must answer with a 4xx; `padding` adds that many bytes of filler text, `noise` that many characters of random text
    that cannot be compressed, 6 bits each; `abandon_after` closes the connection after so many answer bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    stream: bool = False
    places: frozenset[Place] = frozenset({"message"})
    answer: bool = True
    padding: int = 0
    noise: int = 0
    cache: bool = False
    thinking: bool = False
    wrong: Wrong | None = None
    abandon_after: int | None = None
    session: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
