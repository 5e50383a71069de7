"""The deterministic model: it can follow one instruction, otherwise it gives plausible filler that never quotes the prompt."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator.context import RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.schemas.messages import MODELS, MessagesRequest, PromptFields
from zdr_audit.simulator.texts import texts

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

PART = r'"[^"\n]*"'
INSTRUCTION = re.compile(
    rf"join these parts\b[^:\"]{{0,200}}:((?:[\s,;+&*-]|and\b|then\b)*(?:{PART}(?:[\s,;+&*-]|and\b|then\b)*)+)", re.IGNORECASE
)
VOCABULARY = (
    "the function returns a value that callers may check before they continue so the loop ends early when nothing is left to "
    "read and every branch has a test which covers both outcomes while names stay short clear and close to what they mean in "
    "this module"
)
WORDS = VOCABULARY.split()
CHARACTERS_A_TOKEN = 4


def tokens(text: str) -> int:
    """How many tokens a text counts for; at least 1."""
    return max(1, -(-len(text) // CHARACTERS_A_TOKEN))


@dataclass
class Completion:
    """What the model says: content blocks, and why it stopped."""

    content: list[dict[str, Any]]
    stop_reason: str
    stop_sequence: str | None
    usage: dict[str, Any]

    @property
    def text(self) -> str:
        """All that was said, as it is stored for organizations without ZDR."""
        return json.dumps(self.content, ensure_ascii=False)


class Model:
    def __init__(self, parts: Parts):
        self.parts = parts
        self._key = secrets.token_bytes(32)

    def known(self, name: str) -> str:
        """The name, if there is such a model; NotFoundError otherwise, without repeating it."""
        if name not in MODELS:
            raise NotFoundError("No such model.")
        return name

    def input_tokens(self, request: PromptFields) -> int:
        """Tokens of a prompt: its texts and tool definitions, and 1,000 an image."""
        body = request.model_dump_json(include={"tools"}, exclude_unset=True)
        images = sum(message.images() for message in request.messages)
        return sum(tokens(text) for _role, text in texts(request)) + (tokens(body) if request.tools else 0) + 1000 * images + 3

    def complete(self, request: MessagesRequest, ctx: RequestContext) -> Completion:
        """The answer to a request. Equal requests get equal texts."""
        digest = hashlib.sha256(request.model_dump_json(exclude_unset=True, exclude={"stream"}).encode()).digest()
        said = self.follow(request)
        answer = self.filler(digest) if said is None else said
        content: list[dict[str, Any]] = []
        if request.thinking is not None and request.thinking.type != "disabled":
            content.append({"type": "thinking", "thinking": self.filler(digest[::-1]), "signature": self._signature(digest)})
        stop_reason, stop_sequence = "end_turn", None
        if request.tools and request.tool_choice is not None and request.tool_choice.type in {"any", "tool"}:
            name = request.tool_choice.name or request.tools[0].name
            content.append({"type": "tool_use", "id": new_id("toolu"), "name": name, "input": {"result": answer}})
            stop_reason = "tool_use"
        else:
            cuts = [(answer.index(stop), stop) for stop in request.stop_sequences or () if stop and stop in answer]
            if cuts:
                at, stop_sequence = min(cuts)
                answer, stop_reason = answer[:at], "stop_sequence"
            if len(answer) > request.max_tokens * CHARACTERS_A_TOKEN:
                answer, stop_reason, stop_sequence = answer[: request.max_tokens * CHARACTERS_A_TOKEN], "max_tokens", None
            content.append({"type": "text", "text": answer})
        usage = self.parts.cache.usage(request, ctx, self.input_tokens(request))
        usage["output_tokens"] = sum(tokens(json.dumps(block)) for block in content)
        return Completion(content, stop_reason, stop_sequence, usage)

    def follow(self, request: PromptFields) -> str | None:
        """The joined parts of the last `Join these parts: "..." "..."` in the prompt; None where there is no such instruction."""
        return self.join([text for role, text in texts(request) if role != "assistant"])

    @staticmethod
    def join(said: list[str]) -> str | None:
        for text in reversed(said):
            found = list(INSTRUCTION.finditer(text))
            if found:
                return "".join(part[1:-1] for part in re.findall(PART, found[-1].group(1)))
        return None

    @staticmethod
    def filler(digest: bytes) -> str:
        """Some 30 common words chosen by a digest: nothing of the prompt is in them."""
        chosen = [WORDS[byte % len(WORDS)] for byte in digest]
        return " ".join(chosen).capitalize() + "."

    def answer(self, text: str) -> str:
        """The answer to a single text, for the services beside inference."""
        said = self.join([text])
        return self.filler(hashlib.sha256(text.encode()).digest()) if said is None else said

    def _signature(self, digest: bytes) -> str:
        return hmac.new(self._key, digest, hashlib.sha256).hexdigest()
