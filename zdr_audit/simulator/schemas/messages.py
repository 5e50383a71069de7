"""The Messages interface: what is required and of which type is checked, unknown fields are accepted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from zdr_audit.simulator.schemas.base import WHOLE, Answer, Page, Request

MODELS = {
    "claude-opus-sim-1": "Claude Opus (simulated)",
    "claude-sonnet-sim-1": "Claude Sonnet (simulated)",
    "claude-haiku-sim-1": "Claude Haiku (simulated)",
}
Base64 = Annotated[
    str,
    StringConstraints(min_length=4, pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"),
    Field(json_schema_extra={"contentEncoding": "base64"}),
]


# Unknown names are answered 404, not 400: so it is the document that lists them, not the check.
KnownModel = Annotated[str, Field(json_schema_extra={"enum": list(MODELS)})]


class TextBlock(Request):
    type: Literal["text"]
    text: str


class ImageSource(Request):
    type: Literal["base64"]
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: Base64


class ImageBlock(Request):
    type: Literal["image"]
    source: ImageSource


class PdfSource(Request):
    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: Base64


class TextSource(Request):
    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class ContentSource(Request):
    type: Literal["content"]
    content: str | list[Annotated[TextBlock | ImageBlock, Field(discriminator="type")]]


class DocumentBlock(Request):
    type: Literal["document"]
    source: Annotated[PdfSource | TextSource | ContentSource, Field(discriminator="type")]
    title: str | None = None
    context: str | None = None


class SearchResultBlock(Request):
    type: Literal["search_result"]
    source: str
    title: str
    content: list[TextBlock]


class ToolUseBlock(Request):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


class ToolResultBlock(Request):
    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Annotated[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock, Field(discriminator="type")]] = ""
    is_error: bool | None = None


class ThinkingBlock(Request):
    type: Literal["thinking"]
    thinking: str
    signature: str


class RedactedThinkingBlock(Request):
    type: Literal["redacted_thinking"]
    data: str


class OtherBlock(Request):
    """Blocks of server tools that clients send back; taken as they are."""

    type: Literal[
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "mcp_tool_use",
        "mcp_tool_result",
        "tool_reference",
        "compaction",
    ]


Block = Annotated[
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | OtherBlock,
    Field(discriminator="type"),
]


class Message(Request):
    role: Literal["user", "assistant"]
    content: str | Annotated[list[Block], Field(min_length=1)]

    def images(self) -> int:
        """How many images the message holds, tool results not counted."""
        return 0 if isinstance(self.content, str) else sum(isinstance(block, ImageBlock) for block in self.content)


class Tool(Request):
    """A tool of the client's (with `input_schema`) or a server tool (with `type`)."""

    name: Annotated[str, StringConstraints(min_length=1)]
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    type: str | None = None


class ToolChoice(Request):
    type: Literal["auto", "any", "none"]
    name: None = None


class NamedToolChoice(Request):
    type: Literal["tool"]
    name: str


class ThinkingOn(Request):
    type: Literal["enabled"]
    budget_tokens: Annotated[int, Field(ge=1024), WHOLE]


class ThinkingOther(Request):
    type: Literal["disabled", "adaptive"]


class Metadata(Request):
    user_id: str | None = None


class PromptFields(Request):
    """What makes up a prompt; also the body of token counting."""

    model: KnownModel
    messages: Annotated[list[Message], Field(min_length=1)]
    system: str | list[TextBlock] | None = None
    tools: list[Tool] | None = None
    tool_choice: Annotated[ToolChoice | NamedToolChoice, Field(discriminator="type")] | None = None
    thinking: Annotated[ThinkingOn | ThinkingOther, Field(discriminator="type")] | None = None


class MessagesRequest(PromptFields):
    max_tokens: Annotated[int, Field(ge=1), WHOLE]
    stream: bool = False
    stop_sequences: list[str] | None = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0), WHOLE] | None = None
    metadata: Metadata | None = None


class CacheCreation(Answer):
    ephemeral_5m_input_tokens: int
    ephemeral_1h_input_tokens: int


class MessageUsage(Answer):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    cache_creation: CacheCreation
    service_tier: Literal["standard"]


class MessageAnswer(Answer):
    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[dict[str, Any]]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]
    stop_sequence: str | None
    usage: MessageUsage


class TokenCount(Answer):
    input_tokens: int


class ModelInfo(Answer):
    type: Literal["model"] = "model"
    id: str
    display_name: str
    created_at: str


class ModelList(Page):
    data: list[ModelInfo]
